import Foundation
import JSON
import Platform
import TestSupport
import Testing

extension RealHypervisor {
    /// Networks, pools and uploads as a host and its guests show them.
    @Suite struct StorageNetworkTests {
        private static let kernel: JSONValue = [
            "kernel": ["pool": "default", "volume": .string(SystemLab.kernel)],
            "initrd": ["pool": "default", "volume": .string(SystemLab.initrd)], "cmdline": "console=ttyS0 quiet panic=1 lab.name=st-net",
        ]

        private static func machine(_ name: String, _ network: String, _ card: [String: String] = [:]) -> JSONValue {
            var nic = JSONObject([("network", .string(network))])
            for (key, value) in card { nic[key] = .string(value) }
            return [
                "name": .string(name), "memory": "128MiB", "boot": kernel,
                "disks": [["from": ["pool": "default", "volume": .string(SystemLab.base)], "mode": "linked"]], "nics": [.object(nic)],
                "start": true, "wait_for": ["running", "agent", "address"], "wait_timeout": "90s",
            ]
        }

        // MARK: Networks

        @Test(.timeLimit(.minutes(4))) func aGuestHasTheAddressThatIsKeptForIt() async throws {
            try await SystemLab.shared.bootVolumes()
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon()
            let body: JSONValue = [
                "name": "st-nat", "mode": "nat", "cidr": "192.168.177.0/24",
                "dhcp": ["start": "192.168.177.100", "end": "192.168.177.120"],
            ]
            let made = try await daemon.post("/v1/networks?wait=30s", body).require(201)
            #expect(made["cidr"] == "192.168.177.1/24" && made["active"] == true, "\(made)")
            #expect(try await host.virsh("net-dumpxml", "st-nat").contains("192.168.177.100"))
            let overlap = try await daemon.post("/v1/networks", ["name": "st-b", "mode": "isolated", "cidr": "192.168.177.9/28"]).require(
                422)
            #expect(overlap.text.contains("st-nat"))

            let machine = try await daemon.post(
                "/v1/vms?wait=120s", Self.machine("st-kept", "st-nat", ["ip": "192.168.177.50"])
            ).require(201)
            #expect(machine["address"] == "192.168.177.50", "\(machine)")
            let leases = try await daemon.get("/v1/networks/st-nat/leases").require(200)
            #expect(leases.items.contains { $0["address"] == "192.168.177.50" && $0["vm"] == "st-kept" }, "\(leases)")
            let network = try await daemon.get("/v1/networks/st-nat").require(200)
            #expect(network["reservations"]?[0]?["vm"] == "st-kept", "\(network)")
            try await host.execute("timeout", "10", "bash", "-c", "exec 3<>/dev/tcp/192.168.177.50/80")

            let used = try await daemon.delete("/v1/networks/st-nat").require(409)
            #expect(used.code == "network.in_use" && used.text.contains("st-kept"))
            for patch: JSONValue in [["active": false], ["cidr": "192.168.176.1/24"]] {
                #expect(try await daemon.send("PATCH", "/v1/networks/st-nat", patch).require(409).code == "network.in_use")
            }
            try await daemon.delete("/v1/vms/st-kept?wait=30s").require(204)
            #expect(try await daemon.get("/v1/networks/st-nat").require(200)["reservations"] == [], "freed with the VM")
            let moved = try await daemon.send("PATCH", "/v1/networks/st-nat?wait=30s", ["cidr": "192.168.176.1/24", "autostart": false])
            #expect(try moved.require(200)["cidr"] == "192.168.176.1/24" && moved["active"] == true, "\(moved)")
            #expect(try await host.execute("ip", "-4", "addr").contains("192.168.176.1/24"))
            try await daemon.delete("/v1/networks/st-nat?wait=30s").require(204)
            #expect(try await !host.virsh("net-list", "--all", "--name").contains("st-nat"))
        }

        /// One on a bridge that is there; and what happens when another tool takes a network away under a guest.
        @Test(.timeLimit(.minutes(4))) func aBridgeAndANetworkThatGoesAway() async throws {
            try await SystemLab.shared.bootVolumes()
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon()
            let bridge = try #require(try await daemon.get("/v1/networks/default").require(200)["bridge"]?.stringValue)
            try await daemon.post("/v1/networks?wait=30s", ["name": "st-bridge", "mode": "bridge", "bridge": .string(bridge)]).require(201)
            let quiet = try await daemon.post("/v1/networks?wait=30s", ["name": "st-quiet", "mode": "isolated"]).require(201)
            #expect(quiet["cidr"]?.isNull == true && quiet["dhcp"]?.isNull == true && quiet["active"] == true, "\(quiet)")
            try await daemon.delete("/v1/networks/st-quiet?wait=30s").require(204)

            let machine = try await daemon.post("/v1/vms?wait=120s", Self.machine("st-bridged", "st-bridge")).require(201)
            #expect(machine["address"]?.stringValue?.hasPrefix("192.168.122.") == true, "\(machine)")
            try await host.virsh("net-destroy", "st-bridge")
            try await host.virsh("net-undefine", "st-bridge")
            try await daemon.poll("/v1/networks/st-bridge") { $0.status == 404 }
            let seen = try await daemon.get("/v1/vms/st-bridged").require(200)
            #expect(seen["state"] == "running" && seen["nics"]?[0]?["network"] == "st-bridge", "\(seen)")
            try await daemon.post("/v1/vms/st-bridged/stop?wait=30s").require(200)
            let start = try await daemon.post("/v1/vms/st-bridged/start?wait=30s")
            #expect(start.status == 409 && start.code == "network.not_found" && start.text.contains("st-bridge"), "\(start)")
            try await daemon.delete("/v1/vms/st-bridged?wait=30s").require(204)
        }

        // MARK: Pools

        @Test(.timeLimit(.minutes(2))) func aPoolOfItsOwnAndOneThatIsFull() async throws {
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon()
            let path = "/var/lib/libvirt/st-pool"
            try await host.execute("mkdir", "-p", path)
            try await host.execute("mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", path)
            let pool = try await daemon.post("/v1/pools?wait=30s", ["name": "st-pool", "type": "dir", "path": .string(path)]).require(201)
            #expect(pool["active"] == true && pool["autostart"] == true && pool["capacity_bytes"] == 33_554_432, "\(pool)")
            let inside = try await daemon.post("/v1/pools", ["name": "st-in", "path": .string("\(path)/in")]).require(422)
            #expect(inside.text.contains("st-pool"))
            try await daemon.post("/v1/pools", ["name": "st-out", "path": "/tmp/st-out"]).require(422)

            // More than fits: told before when it is announced, at the end of the space when not; nothing is left.
            let large = [UInt8](repeating: 1, count: 40 << 20)
            let content = "/v1/pools/st-pool/volumes/st-large.img/content?format=raw"
            let announced = try await daemon.client.send("PUT", content, body: large).require(507)
            #expect(announced.code == "pool.no_space" && announced["available_bytes"]?.integerValue != nil, "\(announced)")
            let chunked = try await daemon.client.send("PUT", content, body: large, isChunked: true).require(507)
            #expect(chunked.code == "pool.no_space", "\(chunked)")
            let part = try await daemon.client.send(
                "PUT", content, fields: [("Content-Range", "bytes 0-9/\(large.count)")], body: Array(large.prefix(10))
            ).require(507)
            #expect(part.code == "pool.no_space", "\(part)")
            #expect(try await host.execute("ls", "-A", path).allSatisfy(\.isWhitespace))

            let volume = "/v1/pools/st-pool/volumes/st-v.qcow2"
            try await daemon.post("/v1/pools/st-pool/volumes?wait=30s", ["name": "st-v.qcow2", "size": "1MiB"]).require(201)
            let grown = try await daemon.send("PATCH", "\(volume)?wait=30s", ["size": "3MiB"]).require(200)
            #expect(grown["capacity_bytes"] == 3_145_728, "\(grown)")
            #expect(try await daemon.delete("/v1/pools/st-pool").require(409).code == "pool.not_empty")
            try await daemon.delete("\(volume)?wait=30s").require(204)
            try await host.execute("touch", "\(path)/found")
            #expect(try await daemon.post("/v1/pools/st-pool/refresh?wait=30s").require(200)["name"] == "st-pool")
            #expect(try await daemon.get("/v1/pools/st-pool/volumes").items.first?["name"] == "found")
            try await host.execute("rm", "\(path)/found")
            try await daemon.delete("/v1/pools/st-pool?wait=30s").require(204)
            #expect(try await !host.virsh("pool-list", "--all", "--name").contains("st-pool"))
            try await host.execute("umount", path)
        }

        // MARK: Uploads

        /// The daemon is killed again and again while a client sends: it goes on where it is told to.
        @Test(.timeLimit(.minutes(3))) func anUploadGoesOnAfterEachKill() async throws {
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon()
            let path = "/v1/pools/default/volumes/st-parts.img/content"
            var state: UInt64 = 88_172_645_463_325_252
            let words = (0..<(192 << 20) / 8).map { _ -> UInt64 in
                state ^= state << 13
                state ^= state >> 7
                state ^= state << 17
                return state
            }
            let bytes = words.withUnsafeBytes { Array($0) }
            let digest = SHA256.hexadecimalDigest(of: bytes)
            var offsets: [Int] = []
            var last: HTTPAnswer?
            while last?.status != 201, offsets.count < 60 {
                let head = try await daemon.client.send("HEAD", path)
                // Whole, and being finished.
                if head.status == 200 { break }
                let offset = head.fields["upload-offset"].flatMap { Int($0) } ?? 0
                #expect(offset >= offsets.last ?? 0, "\(offsets), then \(offset)")
                offsets.append(offset)
                let range = offset == bytes.count ? "*" : "\(offset)-\(bytes.count - 1)"
                let request = Task {
                    try? await daemon.client.send(
                        "PUT", "\(path)?sha256=\(digest)", fields: [("Content-Range", "bytes \(range)/\(bytes.count)")],
                        body: Array(bytes[offset...]))
                }
                if offsets.count < 6 {
                    try await Task.sleep(for: .milliseconds(120 + 80 * offsets.count))
                    try await daemon.kill()
                    last = await request.value
                    try await daemon.start()
                } else {
                    last = await request.value
                }
            }
            print("an upload over kill -9 went on at \(offsets)")
            try await daemon.poll("/v1/pools/default/volumes/st-parts.img", within: .seconds(60)) { $0["upload"]?.isNull == true }
            let seen = try await daemon.get("/v1/pools/default/volumes/st-parts.img").require(200)
            #expect(seen["sha256"]?.stringValue == digest, "\(seen)")
            #expect(try SHA256.hexadecimalDigest(of: Array(Data(contentsOf: URL(filePath: "\(host.images)/st-parts.img")))) == digest)
            try await daemon.delete("/v1/pools/default/volumes/st-parts.img?wait=30s").require(204)
        }
    }
}
