import JSON
import JobQueue
import Platform
import SQLite
import Synchronization
import Telemetry
import TestSupport
import Testing

/// A database file, a world and a clock, and one engine after the other on them.
final class ToyBench: Sendable {
    let folder: CrashCellFolder
    let world = ToyWorld()
    let clock: ToyClock
    let wallClock = Mutex(Timestamp(milliseconds: 1_800_000_000_000))
    let ended = Mutex<[Job]>([])
    let isDiskFull = Atomic<Bool>(false)

    init(clock: ToyClock = ToyClock()) throws {
        folder = try CrashCellFolder()
        self.clock = clock
    }

    /// One life of the daemon.
    final class Life: Sendable {
        let bench: ToyBench
        let database: Database
        let engine: JobEngine
        private let task: Task<Void, any Error>

        init(_ bench: ToyBench, _ database: Database, _ engine: JobEngine, runs: Bool) {
            self.bench = bench
            self.database = database
            self.engine = engine
            task = Task { if runs { try await engine.run() } }
        }

        var store: JobStore { engine.store }

        func enqueue(
            _ kind: String, _ name: String = "x", on resource: String? = nil, locks: [LockRequest] = [], host: String? = nil,
            priority: JobPriority = .user, key: IdempotencyKey? = nil, reservations: [String] = [], runAt: Timestamp? = nil
        ) async throws -> Job {
            let request = try bench.request(
                kind, name, on: resource, locks: locks, host: host, priority: priority, key: key, reservations: reservations, runAt: runAt)
            switch try await engine.enqueue(request) {
            case .made(let job), .replayed(let job): return job
            }
        }

        /// The job when it has ended or needs attention.
        func end(_ job: Job, _ location: SourceLocation = #_sourceLocation) async throws -> Job {
            let last = try #require(try await engine.wait(job.id, limit: .seconds(60)), sourceLocation: location)
            try #require(last.state.endsWaits, "still \(last.state) \(last.blockedBy)", sourceLocation: location)
            return last
        }

        /// The job when `isDue` says so.
        func when(_ job: Job, _ location: SourceLocation = #_sourceLocation, _ isDue: (Job) -> Bool) async throws -> Job {
            var seen = try #require(try await engine.wait(job.id, after: .min, limit: .seconds(60)), sourceLocation: location)
            while !isDue(seen) {
                try #require(!seen.state.endsWaits, "ended: \(seen)", sourceLocation: location)
                let next = try #require(await engine.board.wait(job.id, after: seen.seq, limit: .seconds(60)), sourceLocation: location)
                try #require(next.seq > seen.seq, "nothing changed: \(seen)", sourceLocation: location)
                seen = next
            }
            return seen
        }

        /// Returns when the engine's process has ended by itself.
        func died() async throws {
            try await task.value
            await database.close()
        }

        func stop() async throws {
            await engine.drain()
            try await task.value
            await database.close()
        }

        /// Stops and checks that nothing is left behind.
        func stopEmpty(_ location: SourceLocation = #_sourceLocation) async throws {
            await engine.drain()
            let (locks, reservations) = try store.leftovers()
            #expect(locks == 0 && reservations == 0, sourceLocation: location)
            let isIdle = await engine.isIdle
            #expect(isIdle, sourceLocation: location)
            try await task.value
            await database.close()
        }
    }

    func request(
        _ kind: String, _ name: String = "x", on resource: String? = nil, locks: [LockRequest] = [], host: String? = nil,
        priority: JobPriority = .user, key: IdempotencyKey? = nil, reservations: [String] = [], runAt: Timestamp? = nil
    ) throws -> JobRequest {
        JobRequest(
            id: try JobID(at: wallClock.withLock { $0 }), kind: kind, arguments: .object(JSONObject([("name", .string(name))])),
            resources: ["/v1/toys/\(name)"], locks: resource.map { [LockRequest($0, .exclusive)] } ?? locks, reservations: reservations,
            host: host, priority: priority, idempotency: key, requestor: Requestor(kind: "unix", name: "root"), runAt: runAt)
    }

    func open() throws -> Database {
        var options = DatabaseOptions()
        options.fault = { [self] stage in
            if stage == .commit, isDiskFull.load(ordering: .relaxed) {
                throw SQLiteError(code: 13, message: "database or disk is full", function: "test")
            }
        }
        return try Database.open(path: folder.database, schema: JobSchema.all, options: options)
    }

    func engine(
        _ database: Database, kinds: [any JobKind]? = nil, limits: JobLimits = JobLimits(), retention: JobRetention = JobRetention(),
        failPoint: (@Sendable (FailPointSite, JobID) async throws -> Void)? = nil
    ) -> JobEngine {
        JobEngine(
            store: JobStore(database), kinds: kinds ?? world.kinds, log: .discarded, limits: limits, clock: clock, failPoint: failPoint,
            retention: retention, now: { [self] in wallClock.withLock { $0 } },
            jobEnded: { [self] job in ended.withLock { $0.append(job) } })
    }

    func live(
        kinds: [any JobKind]? = nil, limits: JobLimits = JobLimits(), retention: JobRetention = JobRetention(), runs: Bool = true,
        failPoint: (@Sendable (FailPointSite, JobID) async throws -> Void)? = nil
    ) throws -> Life {
        let database = try open()
        return Life(self, database, engine(database, kinds: kinds, limits: limits, retention: retention, failPoint: failPoint), runs: runs)
    }

    /// Sets the wall clock and the sleeping clock forward.
    func advance(by duration: Duration) {
        wallClock.withLock { $0 = $0.advanced(by: duration) }
        clock.advance(by: duration)
    }
}
