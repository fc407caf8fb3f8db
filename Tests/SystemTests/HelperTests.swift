import JSON
import TestSupport
import Testing

extension RealHypervisor {
    /// Helper machines: those of moves in hand live as long as these, over the end of libvirtd and of the daemon; others of ours go.
    @Suite struct HelperTests {
        private static let vm = "/v1/vms/st-helped"
        private static let prefix = "gantry-work-"

        private static func helpers(_ host: LabHost) async throws -> [String] {
            try await host.virsh("list", "--all", "--name").split(whereSeparator: \.isWhitespace).map(String.init)
                .filter { $0.hasPrefix(prefix) }.sorted()
        }

        /// A helper of ours that no job knows, named after one that a job does.
        private static func makeOrphan(of helper: String, _ word: String, _ host: LabHost) async throws -> String {
            let name = helper.split(separator: "-").dropLast().joined(separator: "-") + "-\(word)"
            try await make(name, host)
            return name
        }

        private static func make(_ name: String, _ host: LabHost) async throws {
            try await host.createPaused(
                xml: "<domain type='qemu'><name>\(name)</name><memory unit='MiB'>16</memory><os><type>hvm</type></os></domain>")
        }

        private static func gone(_ name: String, _ host: LabHost) async throws {
            let end = ContinuousClock.now + .seconds(20)
            while try await helpers(host).contains(name) {
                try #require(ContinuousClock.now < end, "\(name) is still there")
                try await Task.sleep(for: .milliseconds(50))
            }
        }

        @Test(.timeLimit(.minutes(3))) func aMoveKeepsItsHelperAndOrphansGo() async throws {
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon()
            try await daemon.post("/v1/pools?wait=30s", ["name": "st-helped-far", "path": "/var/lib/libvirt/st-helped-far"]).require(201)
            let body: JSONValue = ["name": "st-helped", "memory": "32MiB", "nics": [], "disks": [["size": "1GiB"]]]
            try await daemon.post("/v1/vms?wait=60s", body).require(201)
            let volume = try #require(try await daemon.get("\(Self.vm)/disks/vda")["volume"]?.stringValue)
            try await host.execute("qemu-io", "-c", "write -P 7 0 512M", "/var/lib/libvirt/images/\(volume)")
            let stranger = "\(Self.prefix)00000000-stranger"
            try await Self.make(stranger, host)

            // libvirtd dies in the midst of the copy; what follows the reconnect is a sweep.
            try daemon.arm("disk.move/begin-copy/after-act=hold")
            let asked = try await daemon.send("PATCH", "\(Self.vm)/disks/vda", ["pool": "st-helped-far"]).require(202)
            let id = try #require(asked["id"]?.stringValue)
            var helper = ""
            var number = ""
            var late = ""
            try await daemon.hold(at: "disk.move/begin-copy/after-act") {
                helper = try #require(try await Self.helpers(host).first { $0 != stranger })
                number = try await host.virsh("domid", helper)
                let orphan = try await Self.makeOrphan(of: helper, "orphan", host)
                try await host.killDaemon()
                try await daemon.poll("/v1/hosts/h1") { $0["state"]?.stringValue != "online" }
                try await host.startDaemon()
                try await Self.gone(orphan, host)
                #expect(try await Self.helpers(host) == [stranger, helper].sorted())
                #expect(try await host.virsh("domid", helper) == number, "another one")
                late = try await Self.makeOrphan(of: helper, "late", host)
                try await daemon.kill()
            }
            // The same when the daemon comes back: it finds the copy where it is, and goes on with it.
            try daemon.arm("disk.move/switch/before-intent=hold")
            try await daemon.start()
            try await daemon.hold(at: "disk.move/switch/before-intent") {
                try await Self.gone(late, host)
                #expect(try await Self.helpers(host) == [stranger, helper].sorted())
                #expect(try await host.virsh("domid", helper) == number, "another one")
            }
            let end = try await daemon.job(id, wait: "60s")
            #expect(end["state"] == "succeeded" && end["attempt"] == 2, "\(end)")
            #expect(try await Self.helpers(host) == [stranger], "only what is another installation's stays")
            #expect(try await host.virsh("domblklist", "st-helped").contains("/st-helped-far/"))

            try await host.virsh("destroy", stranger)
            try await daemon.delete("\(Self.vm)?wait=30s").require(204)
            try await daemon.delete("/v1/pools/st-helped-far?wait=30s").require(204)
            #expect(try await HostWorld.look(at: host, prefix: "st-helped").isEmpty)
            try await daemon.terminate()
        }
    }
}
