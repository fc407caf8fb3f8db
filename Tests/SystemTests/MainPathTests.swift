import Foundation
import JSON
import TestSupport
import Testing

extension RealHypervisor {
    /// The life of a machine whose guest really boots.
    @Suite struct MainPathTests {
        private static let name = "st-main"
        private static let vm = "/v1/vms/st-main"

        private static let body: JSONValue = [
            "name": "st-main", "memory": "128MiB", "labels": ["team": "db"], "description": "the main path",
            "boot": [
                "kernel": ["pool": "default", "volume": .string(SystemLab.kernel)],
                "initrd": ["pool": "default", "volume": .string(SystemLab.initrd)],
                "cmdline": "console=ttyS0 quiet panic=1 lab.name=st-main",
            ],
            "disks": [["from": ["pool": "default", "volume": .string(SystemLab.base)], "mode": "linked"]],
            "nics": [["network": "default"]], "start": true, "wait_for": ["running", "agent", "address"],
        ]

        @Test(.timeLimit(.minutes(3))) func wholeLife() async throws {
            try await SystemLab.shared.bootVolumes()
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon(hosts: 2)

            let made = try await daemon.post("/v1/vms?wait=90s", Self.body, key: "main-create").require(201)
            #expect(made["state"]?.stringValue == "running")
            #expect(made["managed"] == true)
            #expect(made["accel"]?.stringValue != nil)
            #expect(made["disks"]?[0]?["backing"]?["volume"]?.stringValue == SystemLab.base)
            #expect(made["disks"]?[0]?["owned"] == true)
            #expect(made.fields["location"] == made["id"]?.stringValue.map { "/v1/vms/\($0)" })
            let address = try #require(made["address"]?.stringValue)
            #expect(address.hasPrefix("192.168.122."))
            let id = try #require(made["id"]?.stringValue)

            try await Self.checkIdentity(daemon, host, id)
            try await Self.checkAddresses(daemon, address)
            try await Self.checkKeyAndConfirmation(daemon, made, id)
            try await Self.checkPower(daemon, host)
            try await Self.checkPatch(daemon, host)
            try await Self.checkShutdownStartDelete(daemon, host)
        }

        private static func checkIdentity(_ daemon: DaemonProcess, _ host: LabHost, _ id: String) async throws {
            let xml = try await daemon.get("\(vm)/xml").require(200).text
            #expect(xml.contains("<name>\(name)</name>"))
            #expect(xml.contains("<uuid>\(id)</uuid>"))
            let identity = try String(contentsOfFile: "\(daemon.folder)/state/identity", encoding: .utf8).split(whereSeparator: \.isNewline)
            #expect(xml.contains(try #require(identity.first)), "our mark")
            #expect(try await host.virsh("domuuid", name).contains(id))
            let byID = try await daemon.get("/v1/vms/\(id)").require(200)
            #expect(byID["name"]?.stringValue == name)
            let pool = try await daemon.get("/v1/pools/default/volumes?host=h1").require(200)
            let kernel = try #require(pool.items.first { $0["name"]?.stringValue == SystemLab.kernel })
            #expect(kernel["used_by"]?.text.contains(name) == true, "\(kernel.text)")
        }

        private static func checkAddresses(_ daemon: DaemonProcess, _ address: String) async throws {
            // The lease may be seen a moment after the agent's answer.
            let list = try await daemon.poll("\(vm)/addresses?refresh=true") { answer in
                Set(answer.items.compactMap { $0["source"]?.stringValue }).isSuperset(of: ["agent", "lease"])
            }
            for source in ["agent", "lease"] {
                #expect(
                    list.items.contains { $0["source"]?.stringValue == source && $0["address"]?.stringValue == address },
                    "\(source): \(list)")
            }
        }

        private static func checkKeyAndConfirmation(_ daemon: DaemonProcess, _ made: HTTPAnswer, _ id: String) async throws {
            let again = try await daemon.post("/v1/vms?wait=10s", body, key: "main-create").require(201)
            #expect(again["id"]?.stringValue == id)
            #expect(again.fields["job"] == made.fields["job"])
            let other = try await daemon.post("/v1/vms", ["name": "st-other"], key: "main-create").require(422)
            #expect(other.code == "idempotency.key_reused")
            try await daemon.post("/v1/vms", body).require(409)

            let confirmed = try await daemon.send("PUT", vm, body).require(200)
            #expect(confirmed["changed"] == false)
            var differing = try #require(body.objectValue)
            differing["memory"] = "192MiB"
            let refused = try await daemon.send("PUT", vm, .object(differing)).require(409)
            #expect(refused.code == "vm.differs")
            #expect(refused["errors"]?[0]?["pointer"]?.stringValue == "/memory")
        }

        private static func checkPower(_ daemon: DaemonProcess, _ host: LabHost) async throws {
            let paused = try await daemon.post("\(vm)/pause?wait=20s").require(200)
            #expect(paused["state"]?.stringValue == "paused")
            #expect(try await host.virsh("domstate", name).hasPrefix("paused"))
            #expect(try await daemon.post("\(vm)/pause?wait=20s").require(200)["changed"] == false)
            let resumed = try await daemon.post("\(vm)/resume?wait=20s").require(200)
            #expect(resumed["state"]?.stringValue == "running")

            let before = try await daemon.get(vm)["started_at"]?.stringValue ?? ""
            let reset = try await daemon.post("\(vm)/reset?wait=60s", ["wait_for": ["agent"]]).require(200)
            #expect(reset["state"]?.stringValue == "running")
            #expect(reset["started_at"]?.stringValue ?? "" > before)
        }

        private static func checkPatch(_ daemon: DaemonProcess, _ host: LabHost) async throws {
            let seen = try await daemon.get(vm).require(200)
            let tag = try #require(seen.fields["etag"])
            let patched = try await daemon.send(
                "PATCH", "\(vm)?wait=20s", ["description": "changed <&>", "autostart": true, "labels": ["team": .null, "tier": "1"]]
            ).require(200)
            #expect(patched["description"]?.stringValue == "changed <&>")
            #expect(patched["labels"] == ["tier": "1"])
            #expect(
                try await host.virsh("dominfo", name).split(separator: "\n").contains {
                    $0.hasPrefix("Autostart:") && $0.hasSuffix("enable")
                })
            #expect(try await host.virsh("desc", name).contains("changed <&>"))
            let late = try await daemon.client.send(
                "PATCH", vm, fields: [("If-Match", tag)], body: Array("{\"description\": \"late\"}".utf8))
            try late.require(412)
        }

        private static func checkShutdownStartDelete(_ daemon: DaemonProcess, _ host: LabHost) async throws {
            let off = try await daemon.post("\(vm)/shutdown?wait=60s", ["grace": "30s", "then": "fail"]).require(200)
            #expect(off["state"]?.stringValue == "stopped")
            #expect(try await host.virsh("domstate", name).hasPrefix("shut off"))
            let started = try await daemon.post("\(vm)/start?wait=60s").require(200)
            #expect(started["state"]?.stringValue == "running")

            let inUse = try await daemon.delete("/v1/pools/default/volumes/\(SystemLab.base)?host=h1").require(409)
            #expect(inUse.code == "volume.in_use")
            try await daemon.delete("\(vm)?wait=30s").require(204)
            try await daemon.get(vm).require(404)
            try await daemon.delete(vm).require(404)
            try await daemon.delete("\(vm)?missing=ok").require(204)
            #expect(try await HostWorld.look(at: host, prefix: name) == HostWorld())
            let pool = try await daemon.get("/v1/pools/default/volumes?host=h1").require(200)
            #expect(!pool.items.contains { $0["name"]?.stringValue?.hasPrefix(name) ?? false })
        }

        @Test(.timeLimit(.minutes(2))) func aGateThatDoesNotOpen() async throws {
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon()
            var body: JSONObject = [
                "name": "st-silent", "memory": "32MiB", "nics": [], "start": true, "wait_for": ["running", "agent"], "wait_timeout": "1s",
            ]
            // Too late is a failure of the job; the machine stays, as it runs.
            let late = try await daemon.post("/v1/vms?wait=60s", .object(body)).require(504)
            #expect(late.code == "gate.agent_timeout")
            #expect(try await daemon.get("/v1/vms/st-silent")["state"]?.stringValue == "running")
            try await daemon.delete("/v1/vms/st-silent?wait=30s").require(204)

            // Whoever stops the machine is not held up by the waiting job, which ends.
            body["wait_timeout"] = "60s"
            let first = try await daemon.post("/v1/vms", .object(body)).require(202)
            let waiting = try #require(first["id"]?.stringValue)
            try await daemon.poll("/v1/jobs/\(waiting)") { $0["progress"]?["step"]?.stringValue == "wait-agent" }
            #expect(try await daemon.post("/v1/vms/st-silent/stop?wait=20s").require(200)["state"]?.stringValue == "stopped")
            let told = try await daemon.job(waiting, wait: "20s")
            #expect(told["error"]?["code"]?.stringValue == "gate.agent_failed", "\(told)")
            try await daemon.delete("/v1/vms/st-silent?wait=30s").require(204)

            // A cancel leaves nothing.
            let asked = try await daemon.post("/v1/vms", .object(body)).require(202)
            let id = try #require(asked["id"]?.stringValue)
            try await daemon.poll("/v1/jobs/\(id)") { $0["progress"]?["step"]?.stringValue == "wait-agent" }
            try await daemon.post("/v1/jobs/\(id)/cancel").require(202)
            let ended = try await daemon.job(id, wait: "20s")
            #expect(ended["state"]?.stringValue == "cancelled", "\(ended)")
            try await daemon.get("/v1/vms/st-silent").require(404)
            #expect(try await HostWorld.look(at: host, prefix: "st-silent").isEmpty)
        }

        @Test(.timeLimit(.minutes(1))) func whatWasUploadedComesBack() async throws {
            try await SystemLab.shared.bootVolumes()
            let daemon = try await SystemLab.shared.daemon()
            let path = "/v1/pools/default/volumes/\(SystemLab.initrd)/content?host=h1"
            let sent = Array(try Data(contentsOf: URL(filePath: try await Lab.shared.builtGuest().initrd)))
            #expect(try await daemon.get(path).require(200).body == sent)
            let part = try await daemon.client.send("GET", path, fields: [("Range", "bytes=1000-1999")]).require(206)
            #expect(part.body == Array(sent[1000..<2000]))
        }

        @Test(.timeLimit(.minutes(2))) func putMakes() async throws {
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon()
            let body: JSONValue = ["memory": "32MiB", "nics": [], "disks": [["size": "1MiB"]]]
            let made = try await daemon.send("PUT", "/v1/vms/st-put?wait=30s", body).require(201)
            #expect(made["state"]?.stringValue == "stopped")
            #expect(try await daemon.send("PUT", "/v1/vms/st-put?wait=30s", body).require(200)["changed"] == false)
            // What was read can be sent back.
            #expect(
                try await daemon.send("PUT", "/v1/vms/st-put?wait=30s", try await daemon.get("/v1/vms/st-put").json).require(200)["changed"]
                    == false)
            try await daemon.delete("/v1/vms/st-put?wait=30s").require(204)
            #expect(try await HostWorld.look(at: host, prefix: "st-put") == HostWorld())
        }

        @Test(.timeLimit(.minutes(2))) func damagedUploadLeavesNothing() async throws {
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon()
            let path = "/v1/pools/default/volumes/st-upload.raw/content"
            let wrong = String(repeating: "0", count: 64)
            let mismatch = try await daemon.client.send("PUT", "\(path)?sha256=\(wrong)", body: [UInt8](repeating: 7, count: 100_000))
                .require(422)
            #expect(mismatch.code == "upload.sha256_mismatch")
            // A qcow2 header that leads out of the pool.
            var image = Array(try Data(contentsOf: URL(filePath: try await Lab.shared.builtGuest().disk)))
            image.replaceSubrange(8..<20, with: [0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 11])
            image.replaceSubrange(0x200..<0x20b, with: Array("/etc/shadow".utf8))
            let refused = try await daemon.client.send("PUT", "\(path)?format=qcow2", body: image)
            #expect(refused.status == 422 && refused.code?.hasPrefix("image.") == true, "\(refused)")
            let cut = try? await daemon.client.send("PUT", path, body: [UInt8](repeating: 7, count: 600_000), missing: 400_000)
            #expect(cut?.isSuccess != true, "\(cut?.description ?? "")")
            try await daemon.poll("/v1/jobs?state=queued,waiting,running") { $0.items.isEmpty }
            #expect(try await HostWorld.look(at: host, prefix: "st-upload") == HostWorld())
        }
    }
}
