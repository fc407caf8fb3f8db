import JSON
import TestSupport
import Testing

extension RealHypervisor {
    /// What becomes of requests and jobs when libvirtd dies or hangs under them.
    @Suite struct HostFaultTests {
        private static let body: JSONValue = ["memory": "32MiB", "nics": [], "disks": [["size": "1MiB"]], "start": true]

        private func make(_ name: String, _ daemon: DaemonProcess, host: String) async throws {
            var body = try #require(Self.body.objectValue)
            body["name"] = .string(name)
            body["host"] = .string(host)
            try await daemon.post("/v1/vms?wait=60s", .object(body)).require(201)
        }

        /// What went wrong must not leave the host broken for the tests that follow.
        private func whatever<Result>(_ repair: () async throws -> Void, _ body: () async throws -> Result) async throws -> Result {
            do {
                let result = try await body()
                try await repair()
                return result
            } catch {
                try? await repair()
                throw error
            }
        }

        @Test(.timeLimit(.minutes(3))) func libvirtdDiesUnderRequestsAndJobs() async throws {
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon(hosts: 2)
            let vm = "/v1/vms/st-orphan"
            try await make("st-orphan", daemon, host: "h1")
            // The guest has no system that would hear: the job asks and looks for the whole grace time.
            let asked = try await daemon.post("\(vm)/shutdown", ["grace": "6s", "then": "stop"]).require(202)
            let id = try #require(asked["id"]?.stringValue)
            try await daemon.poll("/v1/jobs/\(id)") { $0["progress"]?["step"]?.stringValue == "shutdown" }
            let underway = Task { await (0..<20).asyncMap { _ in try? await daemon.get("\(vm)/xml", limit: .seconds(30)) } }
            var isDown = true
            try await whatever({ if isDown { try await host.startDaemon() } }) {
                try await host.killDaemon()
                for answer in await underway.value {
                    #expect(answer.map { [200, 502, 503, 504].contains($0.status) } ?? false, "\(answer.map(\.description) ?? "none")")
                }
                try await daemon.poll("/v1/hosts/h1") { $0["state"]?.stringValue != "online" }
                let cached = try await daemon.get(vm).require(200)
                #expect(cached["stale"] == true)
                #expect(cached.time < .milliseconds(100), "\(cached.time)")
                let disk = try #require(cached["disks"]?[0]?["volume"]?.stringValue)
                for path in ["\(vm)/xml", "/v1/pools/default/volumes/\(disk)/content?host=h1"] {
                    let answer = try await daemon.get(path)
                    #expect([502, 503, 504].contains(answer.status), "\(path): \(answer)")
                    #expect(answer["retryable"] == true)
                    #expect(answer.time < .seconds(11), "\(answer.time)")
                }
                let refused = try await daemon.post("\(vm)/pause")
                #expect([502, 503, 504].contains(refused.status), "\(refused)")
                #expect(try await daemon.job(id)["done"] == false)
                try await host.startDaemon()
                isDown = false
            }
            let ended = try await daemon.job(id, wait: "60s")
            #expect(ended["state"]?.stringValue == "succeeded", "\(ended)")
            #expect(try await host.virsh("domstate", "st-orphan").hasPrefix("shut off"))
            let seen = try await daemon.poll(vm) { $0["stale"] == false }
            #expect(seen["state"]?.stringValue == "stopped")
            try await daemon.delete("\(vm)?wait=30s").require(204)
            #expect(try await HostWorld.look(at: host, prefix: "st-orphan").isEmpty)
        }

        @Test(.timeLimit(.minutes(3))) func hungLibvirtdHoldsUpNobodyElse() async throws {
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon(hosts: 2)
            try await make("st-hung", daemon, host: "h1")
            try await make("st-well", daemon, host: "h2")
            try await whatever({ try await host.continueDaemon() }) {
                try await host.stopDaemon()
                let start = ContinuousClock.now
                try await daemon.poll("/v1/hosts/h1") { $0["state"]?.stringValue != "online" }
                print("hung libvirtd shown after \(ContinuousClock.now - start)")
                #expect(try await daemon.get("/v1/hosts/h1")["state"]?.stringValue == "suspect")
                #expect(try await daemon.get("/v1/vms/st-hung")["stale"] == true)
                #expect(try await daemon.get("/v1/vms/st-well")["stale"] == false)
                var slowest = Duration.zero
                for path in ["/v1/vms", "/v1/vms/st-hung", "/v1/vms/st-well", "/v1/hosts", "/metrics"] {
                    for _ in 0..<20 { slowest = max(slowest, try await daemon.get(path).require(200).time) }
                }
                print("slowest cached read beside a hung host: \(slowest)")
                #expect(slowest < .milliseconds(100))
                for action in ["pause", "resume"] {
                    let answer = try await daemon.post("/v1/vms/st-well/\(action)?wait=20s").require(200)
                    #expect(answer.time < .seconds(2), "\(action): \(answer.time)")
                }
                let asked = try await daemon.get("/v1/vms/st-hung/xml")
                #expect([502, 503, 504].contains(asked.status), "\(asked)")
                #expect(asked.time < .seconds(11), "\(asked.time)")
                // A change is refused once the host counts as offline; before, it waits for the host.
                let change = try await daemon.post("/v1/vms/st-hung/stop", nil, key: "hung-stop")
                #expect([202, 502, 503, 504].contains(change.status), "\(change)")
                #expect(change.time < .seconds(11), "\(change.time)")
            }
            let start = ContinuousClock.now
            try await daemon.poll("/v1/hosts/h1") { $0["state"]?.stringValue == "online" }
            print("healed after \(ContinuousClock.now - start)")
            try await daemon.poll("/v1/vms/st-hung") { $0["stale"] == false }
            for job in try await daemon.get("/v1/jobs?key=hung-stop").items {
                let ended = try await daemon.job(job["id"]?.stringValue ?? "", wait: "30s")
                #expect(ended["state"]?.stringValue == "succeeded", "\(ended)")
                #expect(try await host.virsh("domstate", "st-hung").hasPrefix("shut off"))
            }
            for name in ["st-hung", "st-well"] { try await daemon.delete("/v1/vms/\(name)?wait=30s").require(204) }
        }
    }
}

extension Sequence where Element: Sendable {
    /// All at the same time; the results in order.
    func asyncMap<Result: Sendable>(_ body: @escaping @Sendable (Element) async -> Result) async -> [Result] {
        await withTaskGroup(of: (Int, Result).self) { group in
            for (index, element) in enumerated() { group.addTask { (index, await body(element)) } }
            return await group.reduce(into: []) { $0.append($1) }.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }
}
