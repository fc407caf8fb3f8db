internal import JSON
package import Platform
package import Telemetry

/// The queue: makes requests durable, runs them one step at a time under their locks and limits, and brings every
/// unfinished one to a truthful end after any restart. Knows nothing of what the jobs do.
///
/// Here: its life (`run`, `drain`). Requests, scheduling, recovery and reading are in the extensions. Every `await` in them
/// lets other calls in, so what was true before it is asked again after it.
package actor JobEngine {
    package nonisolated let store: JobStore
    package nonisolated let board = JobBoard()
    nonisolated let log: Log
    nonisolated let retry: RetryPolicy
    nonisolated let limits: JobLimits
    nonisolated let retention: JobRetention
    nonisolated let clock: any Clock<Duration>
    nonisolated let now: @Sendable () -> Timestamp
    nonisolated let jobEnded: (@Sendable (Job) -> Void)?
    nonisolated let failPoint: (@Sendable (FailPointSite, JobID) async throws -> Void)?
    nonisolated let kinds: [String: any JobKind]

    var locks = LockTable()
    var slots: Slots
    /// One for each unfinished job, and for each that is being enqueued.
    var signals: [JobID: CancelSignal] = [:]
    /// What is on its way into the database.
    var entering: [JobID: JobRequest] = [:]
    /// Jobs that wait for their locks a second time, to undo what they did after having given them back.
    var reacquiring: [JobID: CheckedContinuation<Bool, Never>] = [:]
    /// Jobs that have a timer for their `runAt`.
    var timers: Set<JobID> = []
    /// Jobs that an attempt runs.
    var running: Set<JobID> = []
    /// Jobs that never began or that need attention, and that a request ends right now.
    var ending: Set<JobID> = []
    var isRecovered = false
    private(set) var isDraining = false
    private(set) var isDead = false
    private var idle: [CheckedContinuation<Void, Never>] = []
    private let starts: AsyncStream<Job>
    let startsIn: AsyncStream<Job>.Continuation

    /// `clock` times retries, waits and the drain; `now` gives the wall clock for `runAt` and what is recorded. `jobEnded` is
    /// called once for each job that ends, for figures: it must be quick.
    package init(
        store: JobStore, kinds: [any JobKind], log: Log, limits: JobLimits = JobLimits(), retry: RetryPolicy = RetryPolicy(),
        clock: any Clock<Duration> = ContinuousClock(), failPoint: (@Sendable (FailPointSite, JobID) async throws -> Void)? = nil,
        retention: JobRetention = JobRetention(), now: @escaping @Sendable () -> Timestamp = { .now() },
        jobEnded: (@Sendable (Job) -> Void)? = nil
    ) {
        self.store = store
        self.kinds = Dictionary(kinds.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        self.log = log
        self.limits = limits
        self.retry = retry
        self.clock = clock
        self.failPoint = failPoint
        self.retention = retention
        self.now = now
        self.jobEnded = jobEnded
        slots = Slots(limits)
        (starts, startsIn) = AsyncStream.makeStream(of: Job.self)
    }

    package nonisolated func kind(_ name: String) -> (any JobKind)? { kinds[name] }

    // MARK: Life

    /// Takes up every unfinished job, then runs what comes until `drain`, and returns when the last act has come to its end.
    /// Cancelling the task drains too. Throws if the database cannot be read or written at the start.
    package func run() async throws {
        try await recover()
        let upkeep = Task { await removeOldJobs() }
        defer { upkeep.cancel() }
        await withDiscardingTaskGroup { group in
            for await job in starts {
                group.addTask { await self.execute(job) }
            }
            stopTaking()
        }
    }

    private func execute(_ job: Job) async {
        if let kind = kinds[job.kind], let signal = signals[job.id] {
            // A task of its own: neither this actor nor a cancelled `run` stands in the job's way.
            let attempt = Task.detached { [self] in await JobAttempt(job: job, kind: kind, engine: self, signal: signal).run() }
            await attempt.value
        }
        await left(job.id)
    }

    /// Stops taking jobs, ends what only waits, lets every act reach its end, and returns when nothing runs or time is over.
    /// What still runs then goes on until the process ends; either way no job counts this as a death.
    package func drain(limit: Duration = .seconds(20)) async {
        stopTaking()
        if !running.isEmpty || !ending.isEmpty {
            let timer = Task {
                try? await clock.sleep(for: limit)
                resumeIdle()
            }
            await withCheckedContinuation { idle.append($0) }
            timer.cancel()
        }
        startsIn.finish()
        do {
            try await store.detach(board.active.filter { $0.attempt > 0 }.map(\.id))
        } catch {
            log.error("cannot note that jobs were let go", ["error": "\(error)"])
        }
    }

    private func stopTaking() {
        isDraining = true
        for signal in signals.values { signal.drain() }
        for waiter in reacquiring.values { waiter.resume(returning: false) }
        reacquiring = [:]
    }

    func wakeIdle() {
        guard running.isEmpty, ending.isEmpty else { return }
        resumeIdle()
    }

    private func resumeIdle() {
        for waiter in idle { waiter.resume() }
        idle.removeAll()
    }

    /// For tests: behaves from here on as if the process had ended. `run` returns when the other attempts have noticed.
    package func die() {
        isDead = true
        stopTaking()
        startsIn.finish()
    }

    private func removeOldJobs() async {
        while !isDraining {
            guard (try? await clock.sleep(for: retention.interval)) != nil else { return }
            do {
                let count = try await purge()
                if count > 0 { log.info("removed old jobs", ["count": count]) }
            } catch {
                log.error("cannot remove old jobs", ["error": "\(error)"])
            }
        }
    }

    /// Removes ended jobs that are older than they are kept, and answers how many. Called now and then by `run`.
    @discardableResult
    package func purge() async throws -> Int {
        let time = now()
        var total = 0
        while !isDraining {
            let count = try await store.purge(
                succeededBefore: time.advanced(by: .zero - retention.ended), failedBefore: time.advanced(by: .zero - retention.failed))
            total += count
            if count < 1000 { break }
        }
        return total
    }
}
