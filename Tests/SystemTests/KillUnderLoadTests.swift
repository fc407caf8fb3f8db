import JSON
import Synchronization
import TestSupport
import Testing

extension RealHypervisor {
    /// The daemon ends again and again, by kill -9 or in order, while clients insist.
    @Suite struct KillUnderLoadTests {
        private static let count = 30

        @Test(.timeLimit(.minutes(4))) func keyedCreatesBecomeExactlyAsManyMachines() async throws {
            try await SystemLab.shared.bootVolumes()
            let host = try await SystemLab.shared.host()
            let daemon = try await SystemLab.shared.daemon()
            // The first trial boot of a fresh installation is not what is tested here.
            try await daemon.poll("/v1/hosts/h1") { !($0["accel"]?.arrayValue ?? []).isEmpty }

            let isDone = Flag()
            async let kills = Self.endAgainAndAgain(daemon, until: isDone) { try await daemon.kill() }
            let states = await Self.inParallel { await Self.insist(daemon, "load-\($0)", "POST", "/v1/vms", Self.body($0)) }
            isDone.set()
            print("\(try await kills) kills of the daemon under \(Self.count) creates")
            try await daemon.waitUntilReady()
            #expect(states.allSatisfy { $0 == "succeeded" }, "\(states)")

            let world = try await HostWorld.look(at: host, prefix: "st-load")
            #expect(world.machines == Dictionary((1...Self.count).map { (Self.name($0), "shut off") }) { $1 })
            #expect(world.files == world.volumes)
            let disks = world.volumes.filter { $0.hasSuffix(".qcow2") }
            #expect(disks.count == Self.count && world.volumes.count == 2 * Self.count, "\(world.volumes.sorted())")
            let listed = try await daemon.get("/v1/vms?name=st-load-*").items
            #expect(Set(listed.compactMap { $0["disks"]?[0]?["volume"]?.stringValue }) == disks)
            for number in 1...Self.count {
                #expect(try await daemon.get("/v1/jobs?key=load-\(number)&fields=id").items.count == 1)
            }

            let isDeleted = Flag()
            async let more = Self.endAgainAndAgain(daemon, until: isDeleted) {
                let status = try await daemon.terminate()
                #expect(status == 0)
            }
            let ends = await Self.inParallel {
                await Self.insist(daemon, "unload-\($0)", "DELETE", "/v1/vms/\(Self.name($0))", nil)
            }
            isDeleted.set()
            print("\(try await more) orderly ends of the daemon under \(Self.count) deletes")
            try await daemon.waitUntilReady()
            #expect(ends.allSatisfy { $0 == "succeeded" }, "\(ends)")
            #expect(try await HostWorld.look(at: host, prefix: "st-load").isEmpty)
        }

        private static func name(_ number: Int) -> String { "st-load-\(number)" }

        private static func body(_ number: Int) -> JSONValue {
            [
                "name": .string(name(number)), "memory": "32MiB", "nics": [], "start": false,
                "disks": [["from": ["pool": "default", "volume": .string(SystemLab.base)], "mode": "linked"]],
            ]
        }

        private static func inParallel(_ body: @escaping @Sendable (Int) async -> String) async -> [String] {
            await (1...count).asyncMap(body)
        }

        /// Sends the request with its key until its job has ended; answers the job's state, or what stands in the way.
        private static func insist(
            _ daemon: DaemonProcess, _ key: String, _ method: String, _ path: String, _ body: JSONValue?
        ) async -> String {
            let end = ContinuousClock.now + .seconds(90)
            var last = "no answer"
            while ContinuousClock.now < end {
                if let answer = try? await daemon.send(method, path, body, key: key, limit: .seconds(20)) {
                    last = answer.description
                    if answer["type"] == "job" {
                        if answer["done"] == true || answer["state"] == "needs_attention" { return answer["state"]?.stringValue ?? "" }
                        let id = answer["id"]?.stringValue ?? ""
                        _ = try? await daemon.get("/v1/jobs/\(id)?wait=20s")
                        continue
                    }
                    if ![503, 502, 504].contains(answer.status) { return last }
                }
                try? await Task.sleep(for: .milliseconds(20))
            }
            return last
        }

        private static func endAgainAndAgain(
            _ daemon: DaemonProcess, until isDone: Flag, _ end: @Sendable () async throws -> Void
        ) async throws -> Int {
            var ends = 0
            while true {
                try await Task.sleep(for: .milliseconds(60 + 90 * (ends % 6)))
                if isDone.isSet { return ends }
                try await end()
                ends += 1
                try await daemon.start()
            }
        }
    }
}

/// Tells a running task that it is enough.
private final class Flag: Sendable {
    private let value = Atomic<Bool>(false)
    var isSet: Bool { value.load(ordering: .acquiring) }
    func set() { value.store(true, ordering: .releasing) }
}
