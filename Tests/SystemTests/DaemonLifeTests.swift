import Foundation
import Glibc
import JSON
import TestSupport
import Testing

extension RealHypervisor {
    /// Start, end, signals and a full disk.
    @Suite struct DaemonLifeTests {
        @Test(.timeLimit(.minutes(2))) func aJobAtAGateIsHandedToTheNextDaemon() async throws {
            try await SystemLab.shared.bootVolumes()
            let daemon = try await SystemLab.shared.daemon()
            let body: JSONValue = [
                "name": "st-gate", "memory": "128MiB", "nics": [], "start": true, "wait_for": ["agent"],
                "boot": [
                    "kernel": ["pool": "default", "volume": .string(SystemLab.kernel)],
                    "initrd": ["pool": "default", "volume": .string(SystemLab.initrd)], "cmdline": "console=ttyS0 quiet panic=1",
                ],
            ]
            let asked = try await daemon.post("/v1/vms", body, key: "gate").require(202)
            let id = try #require(asked["id"]?.stringValue)
            try await daemon.poll("/v1/jobs/\(id)") { $0["progress"]?["step"]?.stringValue == "wait-agent" }
            // Whoever waits for the job is told that it goes on, and does not hold up the end.
            let waiter = Task { try await daemon.get("/v1/jobs/\(id)/result?wait=60s") }
            try await daemon.poll("/metrics") { $0.text.contains("gantry_http_connections 2\n") }
            let start = ContinuousClock.now
            #expect(try await daemon.terminate() == 0, "\(daemon.logTail)")
            #expect(ContinuousClock.now - start < .seconds(5))
            #expect(try await waiter.value.require(202)["state"]?.stringValue == "running")
            try await daemon.start()
            let ended = try await daemon.job(id, wait: "60s")
            #expect(ended["state"]?.stringValue == "succeeded", "\(ended)")
            #expect(ended["attempt"]?.integerValue ?? 0 > 1)
            #expect(try await daemon.get("/v1/vms/st-gate")["state"]?.stringValue == "running")
            try await daemon.delete("/v1/vms/st-gate?wait=30s").require(204)
        }

        @Test(.timeLimit(.minutes(1))) func readsItsConfigurationAgain() async throws {
            let daemon = try await SystemLab.shared.daemon()
            let text = try String(contentsOfFile: daemon.configurationFile, encoding: .utf8)
            #expect(!daemon.log.contains("\"level\":\"debug\""))
            try daemon.write(configuration: text.replacing("level: info", with: "level: debug"))
            daemon.signal(SIGHUP)
            try await logged("configuration read again", daemon)
            try await daemon.get("/v1/vms").require(200)
            try await logged("\"level\":\"debug\"", daemon)
            try daemon.write(configuration: "listen: [nonsense")
            daemon.signal(SIGHUP)
            try await logged("configuration not taken", daemon)
            try await daemon.get("/v1/vms").require(200)
            #expect(try await daemon.terminate() == 0)
        }

        private func logged(_ text: String, _ daemon: DaemonProcess) async throws {
            let end = ContinuousClock.now + .seconds(10)
            while !daemon.log.contains(text) {
                try #require(ContinuousClock.now < end, "not in the log: \(text)\n\(daemon.logTail)")
                try await Task.sleep(for: .milliseconds(10))
            }
        }

        @Test(.timeLimit(.minutes(1))) func aStateDirectoryHasOneDaemon() async throws {
            let daemon = try await SystemLab.shared.daemon()
            let second = try await SystemLab.shared.idleDaemon(state: "\(daemon.folder)/state")
            try second.spawn(arguments: ["--config", second.configurationFile])
            #expect(try await second.ended() != 0)
            #expect(second.log.contains("another gantryd uses the state directory"), "\(second.log)")
            try await daemon.get("/v1/vms").require(200)
        }

        @Test(
            .timeLimit(.minutes(1)),
            arguments: ["listen: [", "hosts: 7\n", "colour: blue\n", "state_directory: {a: 1}\n", "\u{0}\u{1}", "- a\n- b\n"])
        func aBadConfigurationIsRefused(_ text: String) async throws {
            let daemon = try await SystemLab.shared.idleDaemon()
            try daemon.write(configuration: text)
            for arguments in [["--config", daemon.configurationFile], ["--check-config", "--config", daemon.configurationFile]] {
                try daemon.spawn(arguments: arguments)
                #expect(try await daemon.ended() == 78)
            }
            #expect(daemon.log.contains("gantry.yaml:"), "\(daemon.log)")
        }

        @Test(.timeLimit(.minutes(1))) func sandboxServesWithoutAHypervisor() async throws {
            let daemon = try await SystemLab.shared.idleDaemon()
            try daemon.spawn(arguments: ["--sandbox", "--config", daemon.configurationFile], environment: ["TMPDIR": daemon.folder])
            try await logged("\"message\":\"ready\"", daemon)
            let folder = try #require(
                try FileManager.default.contentsOfDirectory(atPath: daemon.folder).first { $0.hasPrefix("gantry-sandbox-") })
            let client = HTTPClient(path: "\(daemon.folder)/\(folder)/gantry.sock")
            let end = ContinuousClock.now + .seconds(10)
            while try await client.send("GET", "/readyz").status != 200 { try #require(ContinuousClock.now < end) }
            let vm = try await client.send("GET", "/v1/vms/test").require(200)
            #expect(vm["state"]?.stringValue == "running")
            try await client.send("POST", "/v1/vms/test/stop?wait=10s").require(200)
            let body = Array("{\"name\": \"st-sandbox\", \"memory\": \"64MiB\", \"start\": true}".utf8)
            let made = try await client.send("POST", "/v1/vms?wait=20s", body: body).require(201)
            #expect(made["state"]?.stringValue == "running")
            #expect(try await daemon.terminate() == 0)
        }

        @Test(.timeLimit(.minutes(2))) func aFullDiskRefusesChangesAndServesReads() async throws {
            let host = try await SystemLab.shared.host()
            let state = "/tmp/gantry-st-full-\(getpid())"
            try FileManager.default.createDirectory(atPath: state, withIntermediateDirectories: true)
            try await LabCommand(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", state]).succeed()
            var failure: (any Error)?
            do {
                try await fillUp(state, host)
            } catch {
                failure = error
            }
            try await LabCommand(["umount", "-l", state]).succeed()
            rmdir(state)
            if let failure { throw failure }
        }

        private func fillUp(_ state: String, _ host: LabHost) async throws {
            let daemon = try await SystemLab.shared.daemon(state: state)
            let vm = "/v1/vms/st-full"
            try await daemon.post("/v1/vms?wait=30s", ["name": "st-full", "memory": "32MiB", "nics": []]).require(201)
            let ballast = "\(state)/ballast"
            let written = try await LabCommand(["dd", "if=/dev/zero", "of=\(ballast)", "bs=4096", "status=none"]).run()
            #expect(!written.isSuccess, "the disk is not full")
            // The database may have some room left in its own files.
            var accepted = 0
            var answer = try await daemon.send("PATCH", vm, ["description": "0"])
            while answer.status == 202 || answer.status == 200, accepted < 2000 {
                accepted += 1
                answer = try await daemon.send("PATCH", vm, ["description": "\(accepted)"])
            }
            #expect(answer.status == 507, "after \(accepted): \(answer)")
            #expect(answer["class"]?.stringValue == "no_space")
            for path in ["/v1/vms", vm, "\(vm)/xml", "/v1/hosts", "/v1/jobs", "/healthz"] { try await daemon.get(path).require(200) }
            let made = try await daemon.post("/v1/vms", ["name": "st-full2", "memory": "32MiB", "nics": []])
            #expect(made.status == 507, "\(made)")
            let upload = try await daemon.client.send(
                "PUT", "/v1/pools/default/volumes/st-full.raw/content?format=raw", body: [UInt8](repeating: 1, count: 100_000))
            #expect(upload.status == 507, "\(upload)")

            unlink(ballast)
            let end = ContinuousClock.now + .seconds(20)
            while try await daemon.send("PATCH", "\(vm)?wait=20s", ["description": "free again"]).status != 200 {
                try #require(ContinuousClock.now < end, "\(daemon.logTail)")
            }
            let open = try await daemon.get("/v1/jobs?state=queued,waiting,running").items
            #expect(open.isEmpty, "\(open)")
            let patches = try await daemon.get("/v1/jobs?kind=vm.update&limit=10000&fields=state").items
            #expect(Set(patches.compactMap { $0["state"]?.stringValue }) == ["succeeded"])
            try await daemon.delete("\(vm)?wait=30s").require(204)
            #expect(try await HostWorld.look(at: host, prefix: "st-full").isEmpty)
            try await daemon.terminate()
            print("\(accepted) changes were taken after the disk was full, then 507")
        }
    }
}
