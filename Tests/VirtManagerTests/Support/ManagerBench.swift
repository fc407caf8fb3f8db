import Hypervisor
import JSON
import JobQueue
import Platform
import SQLite
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import VirtManager

/// Worlds, a database file and a clock that outlive the daemons on them.
final class ManagerBench: Sendable {
    static let installation = "0011223344556677"

    let worlds: [FakeWorld]
    let folder: ScratchFolder
    let clock: any Clock<Duration>
    /// The wall clock of all lives.
    let wall = TestWallClock()
    let events: EventLimits

    /// The first world is host `h1`, the next `h2`, and so on.
    init(_ worlds: [FakeWorld] = [.standard()], clock: any Clock<Duration> = TestClock(), events: EventLimits = EventLimits()) throws {
        self.events = events
        self.worlds = worlds
        self.clock = clock
        folder = try ScratchFolder()
    }

    var world: FakeWorld { worlds[0] }
    var testClock: TestClock { clock as? TestClock ?? TestClock() }

    /// One life of the daemon.
    final class Life: Sendable {
        let bench: ManagerBench
        let database: Database
        let hosts: [FakeHost]
        let manager: Manager
        private let task: Task<Void, any Error>
        private let isOver = SharedFlag()

        init(
            _ bench: ManagerBench, limits: JobLimits, serviceLimits: ServiceLimits,
            failPoint: (@Sendable (FailPointSite, JobID) async throws -> Void)?
        ) throws {
            self.bench = bench
            database = try Database.open(path: bench.folder.database, schema: Manager.schema)
            hosts = bench.worlds.map { FakeHost($0) }
            var options = Manager.Options()
            options.clock = bench.clock
            options.now = { [wall = bench.wall] in wall.now }
            options.events = bench.events
            options.retry = RetryPolicy(base: .milliseconds(1), cap: .milliseconds(1))
            options.limits = limits
            options.serviceLimits = serviceLimits
            options.failPoint = failPoint
            // No test is to knock at somebody's door: guests serve port 22 and no other.
            options.tryPort = { _, port in port == 22 ? nil : "Connection refused" }
            let connections = hosts.enumerated().map { index, host in
                (HostSettings(name: HostName("h\(index + 1)"), uri: "fake:///\(index + 1)"), host as any HostConnection)
            }
            manager = Manager(
                installation: ManagerBench.installation, database: database, hosts: connections, log: .discarded, options: options)
            task = Task { [manager, isOver] in
                defer { isOver.set() }
                try await manager.run()
            }
        }

        var fleet: Fleet { manager.fleet }

        func state(_ host: String) -> HostState.Reach? { fleet.host(HostName(host))?.reach }

        func machine(_ name: String, host: String? = nil) throws -> MachineView { try manager.machines.get(name, host: host) }

        /// The job when it has ended or needs attention.
        func end(_ job: Job, location: SourceLocation = #_sourceLocation) async throws -> Job {
            let last = try await manager.jobs.wait(job.id, limit: .seconds(60))
            try #require(last.state.endsWaits, "still \(last.state) \(last.blockedBy)", sourceLocation: location)
            return last
        }

        /// The end of the job that a request came to.
        func end<Value>(_ outcome: Outcome<Value>, location: SourceLocation = #_sourceLocation) async throws -> Job {
            guard case .job(let job) = outcome else {
                Issue.record("no job: \(outcome)", sourceLocation: location)
                throw NotReached(description: "a job")
            }
            return try await end(job, location: location)
        }

        /// The daemon stops as it should.
        func stop() async throws {
            await manager.drain(limit: .seconds(5))
            try await task.value
            await manager.close()
            await database.close()
        }

        /// The daemon dies: nothing that it has under way reaches a host or the database any more.
        func kill() async throws {
            for (world, host) in zip(bench.worlds, hosts) { world.detach(host) }
            await manager.engine.die()
            await manager.drain(limit: .zero)
            try await task.value
            await database.close()
        }

        /// Returns when a fail point has ended the engine.
        func died() async throws {
            try await task.value
            for (world, host) in zip(bench.worlds, hosts) { world.detach(host) }
            await database.close()
        }

        /// Whether this life has ended, by itself or not.
        var hasEnded: Bool { isOver.isSet }

        /// Whether nothing runs, waits or holds anything, in memory and on disk.
        func isIdle() async throws -> Bool {
            let isIdle = await manager.engine.isIdle
            let (locks, reservations) = try manager.engine.store.leftovers()
            return isIdle && locks == 0 && reservations == 0
        }
    }

    /// Begins a life and waits until its hosts are listed and their accelerators known.
    func start(
        limits: JobLimits = JobLimits(), serviceLimits: ServiceLimits = ServiceLimits(),
        waits: Bool = true, failPoint: (@Sendable (FailPointSite, JobID) async throws -> Void)? = nil
    ) async throws -> Life {
        let life = try Life(self, limits: limits, serviceLimits: serviceLimits, failPoint: failPoint)
        if waits {
            try await until("all hosts online") {
                life.fleet.hosts.allSatisfy { $0.reach == .online && $0.accelerators != nil }
            }
        }
        return life
    }

    /// Runs `body` in one life and ends it whatever happened.
    static func with(
        _ worlds: [FakeWorld] = [.standard()], isolation: isolated (any Actor)? = #isolation,
        _ body: (Life) async throws -> Void
    ) async throws {
        let bench = try ManagerBench(worlds)
        let life = try await bench.start()
        do {
            try await body(life)
        } catch {
            for world in worlds { world.faults.clear() }
            try await life.kill()
            throw error
        }
        for world in worlds { world.faults.clear() }
        try await life.stop()
    }
}

extension Mutation {
    static let sample = Mutation(caller: Caller(kind: "unix", name: "root", scope: "unix:0"))

    static func sample(key: String? = nil, dryRun: Bool = false, failIfBusy: Bool = false) -> Mutation {
        var mutation = sample
        mutation.dryRun = dryRun
        mutation.failIfBusy = failIfBusy
        if let key { mutation.idempotency = IdempotencyKey(scope: "unix:0", key: key, digest: key) }
        return mutation
    }
}

extension JSONValue {
    /// The object with these fields set besides.
    func with(_ fields: KeyValuePairs<String, JSONValue>) -> JSONValue {
        var object = objectValue ?? JSONObject()
        for (name, value) in fields { object[name] = value }
        return .object(object)
    }
}

/// A flag that is set once.
final class SharedFlag: Sendable {
    private let value = Mutex(false)
    var isSet: Bool { value.withLock { $0 } }
    func set() { value.withLock { $0 = true } }
}
