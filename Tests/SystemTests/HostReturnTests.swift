import JSON
import TestSupport
import Testing

extension RealHypervisor {
    /// Hosts that are away when the daemon starts, or lose their power.
    @Suite struct HostReturnTests {
        private static let body: JSONValue = [
            "name": "st-return", "memory": "32MiB", "nics": [], "disks": [["size": "1MiB"]], "start": true,
        ]

        /// Daemon and libvirtd die together: the job waits for its host, is not failed for it, and goes on when it is back.
        @Test(.timeLimit(.minutes(2))) func aJobWaitsForItsHost() async throws {
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon()
            try daemon.arm("vm.create/define/after-act=kill")
            _ = try? await daemon.post("/v1/vms", Self.body, key: "return")
            try await daemon.ended()
            try await host.killDaemon()
            var job: HTTPAnswer?
            do {
                let start = ContinuousClock.now
                try await daemon.start()
                #expect(ContinuousClock.now - start < .seconds(5))
                #expect(try await daemon.get("/v1/hosts/h1")["state"]?.stringValue == "offline")
                let id = try #require(try await daemon.get("/v1/jobs?key=return").items.first?["id"]?.stringValue)
                job = try await daemon.poll("/v1/jobs/\(id)") { $0["state"] == "waiting" }
                #expect(job?["blocked_by"]?.text.contains("/v1/hosts/h1") == true, "\(job?.description ?? "")")
                let refused = try await daemon.post("/v1/vms", ["name": "st-return2", "nics": []]).require(503)
                #expect(refused.fields["retry-after"] != nil)
            } catch {
                try? await host.startDaemon()
                throw error
            }
            try await host.startDaemon()
            let ended = try await daemon.job(try #require(job?["id"]?.stringValue), wait: "60s")
            #expect(ended["state"]?.stringValue == "succeeded", "\(ended)")
            #expect(try await host.virsh("domstate", "st-return").hasPrefix("running"))
            try await daemon.poll("/v1/hosts/h1") { $0["state"] == "online" }
            try await daemon.delete("/v1/vms/st-return?wait=30s").require(204)
            #expect(try await HostWorld.look(at: host, prefix: "st-return").isEmpty)
        }

        @Test(.timeLimit(.minutes(2))) func powerLossOfAHost() async throws {
            let host = try #require(try await SystemLab.shared.hosts().last)
            let daemon = try await SystemLab.shared.daemon(hosts: 2)
            var body = try #require(Self.body.objectValue)
            body["host"] = "h2"
            try await daemon.post("/v1/vms?wait=60s", .object(body)).require(201)
            try await host.crash()
            do {
                try await daemon.poll("/v1/hosts/h2") { $0["state"] == "offline" }
                #expect(try await daemon.get("/v1/vms/st-return")["stale"] == true)
                #expect(try await daemon.get("/v1/hosts/h1")["state"] == "online")
            } catch {
                try? await Lab.shared.start(2)
                throw error
            }
            try await Lab.shared.start(2)
            try await host.ensureDefaults()
            let seen = try await daemon.poll("/v1/vms/st-return") { $0["stale"] == false }
            #expect(seen["state"]?.stringValue == "stopped")
            #expect(try await daemon.post("/v1/vms/st-return/start?wait=30s").require(200)["state"]?.stringValue == "running")
            try await daemon.delete("/v1/vms/st-return?wait=30s").require(204)
            #expect(try await HostWorld.look(at: host, prefix: "st-return").isEmpty)
        }
    }
}
