package import JobQueue
package import SQLite

/// Runs cells of the fault table against any engine and world.
///
/// Each cell gets a database of its own. The job runs until the injury; after a death a new engine is made on the same
/// database, as often as it takes. Then the end must be one that the injury allows, the world must be as that end says, no
/// lock and no reservation may be left, and one more start must change nothing.
package struct CrashCellBench<World: Equatable & Sendable>: Sendable {
    package typealias Hook = @Sendable (FailPointSite, JobID) async throws -> Void
    private let schema: [SchemaUpgrade]
    private let makeEngine: @Sendable (Database, @escaping Hook) async throws -> JobEngine
    private let request: @Sendable (JobEngine) async throws -> JobRequest
    private let snapshot: @Sendable () async throws -> World
    private let expected: @Sendable (CrashCell, JobState) async throws -> World
    private let limit: Duration

    /// - Parameters:
    ///   - makeEngine: An engine with its kinds on this database, over a world that outlives engines. Its clock should not
    ///     really wait.
    ///   - request: The job of the cell.
    ///   - snapshot: What of the world must be right in the end.
    ///   - expected: The world after the job ended in this state: as wanted, or as it was.
    ///   - limit: Real time for one life of the engine: over it, the cell fails.
    package init(
        schema: [SchemaUpgrade] = JobSchema.all,
        makeEngine: @escaping @Sendable (Database, @escaping Hook) async throws -> JobEngine,
        request: @escaping @Sendable (JobEngine) async throws -> JobRequest,
        snapshot: @escaping @Sendable () async throws -> World,
        expected: @escaping @Sendable (CrashCell, JobState) async throws -> World,
        limit: Duration = .seconds(60)
    ) {
        self.schema = schema
        self.makeEngine = makeEngine
        self.request = request
        self.snapshot = snapshot
        self.expected = expected
        self.limit = limit
    }

    /// Runs one cell. `deaths`: how often the process ends at its place, one life after the other.
    package func run(_ cell: CrashCell, deaths: Int = 1) async throws -> CrashCellOutcome {
        let folder = try CrashCellFolder()
        let controller = CrashCellController(cell, times: cell.injury == .death ? deaths : 1)
        var outcome = CrashCellOutcome(cell)
        var job: JobID?
        for _ in 0...(cell.injury == .death ? deaths : 0) {
            job = try await live(folder, controller, job)
        }
        outcome.isCancelAccepted = controller.isCancelAccepted
        if !controller.hasFired { outcome.problems.append("the job never came by this place") }
        guard let job else { return outcome }
        let first = try await ended(folder, job)
        outcome.state = first.job?.state
        outcome.attempts = first.job?.attempt ?? 0
        outcome.problems += try await problems(first, cell, controller)
        // One more start finds nothing to do.
        _ = try await live(folder, controller, job)
        let second = try await ended(folder, job)
        if second.job != first.job { outcome.problems.append("another start changed the ended job") }
        return outcome
    }

    /// One life of the process: until the job has ended, or to the process's death.
    private func live(_ folder: CrashCellFolder, _ controller: CrashCellController, _ known: JobID?) async throws -> JobID? {
        let database = try Database.open(path: folder.database, schema: schema)
        let engine = try await makeEngine(database) { try await controller.pass($0, $1) }
        controller.attach(engine)
        var job = known
        if job == nil {
            guard case .made(let made) = try await engine.enqueue(try await request(engine)) else { return nil }
            job = made.id
        }
        let watcher = Task { [limit, job] in
            if let job { _ = try? await engine.wait(job, limit: limit) }
            if !Task.isCancelled { await engine.drain(limit: .zero) }
        }
        try await engine.run()
        watcher.cancel()
        await watcher.value
        await database.close()
        return job
    }

    private func ended(_ folder: CrashCellFolder, _ id: JobID) async throws -> (job: Job?, locks: Int, reservations: Int) {
        let database = try Database.open(path: folder.database, schema: schema)
        let store = JobStore(database)
        let (locks, reservations) = try store.leftovers()
        let job = try store.job(id)
        await database.close()
        return (job, locks, reservations)
    }

    private func problems(
        _ end: (job: Job?, locks: Int, reservations: Int), _ cell: CrashCell, _ controller: CrashCellController
    ) async throws -> [String] {
        guard let job = end.job else { return ["the job is lost"] }
        guard job.state.isTerminal else { return ["the job did not end: \(job.state.rawValue) \(job.failure?.detail ?? "")"] }
        var problems: [String] = []
        let allowed = Self.allowed(cell, controller.isCancelAccepted)
        if !allowed.contains(job.state) {
            problems.append("ended \(job.state.rawValue) instead of \(allowed.map(\.rawValue)): \(job.failure?.detail ?? "")")
        }
        if end.locks != 0 { problems.append("\(end.locks) lock rows are left") }
        if end.reservations != 0 { problems.append("\(end.reservations) reservations are left") }
        let wanted = try await expected(cell, job.state)
        let found = try await snapshot()
        if found != wanted { problems.append("after \(job.state.rawValue) the world is \(found) instead of \(wanted)") }
        return problems
    }

    /// A death is no error. An error fails the job, unless the effect was there all the same. An accepted cancel is kept.
    private static func allowed(_ cell: CrashCell, _ isCancelAccepted: Bool?) -> [JobState] {
        switch cell.injury {
        case .death: [.succeeded]
        case .error: cell.site.point == .afterAct ? [.succeeded] : [.failed]
        case .cancel: isCancelAccepted == true ? [.cancelled] : [.succeeded]
        }
    }
}
