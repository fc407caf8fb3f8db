internal import Platform
internal import Synchronization

/// The jobs that have not ended (and the last few that have) as everyone may read them without touching the database,
/// and the place where callers wait for them to change.
package final class JobBoard: Sendable {
    private struct Waiter {
        let number: Int
        let after: Int64?
        let stream: AsyncStream<Job>.Continuation
    }
    private struct State {
        var jobs: [JobID: Job] = [:]
        /// Ended jobs, oldest first: so that a read right after the end costs nothing.
        var ended: [JobID] = []
        var waiters: [JobID: [Waiter]] = [:]
        var nextWaiter = 0
        var isLoaded = false
        var follower: (@Sendable (Job) -> Void)?
    }
    private let state = Mutex(State())
    private let telling = Mutex(())
    private static let keptEnded = 512

    package init() {}

    /// The job if it is active or ended not long ago.
    package subscript(id: JobID) -> Job? { state.withLock { $0.jobs[id] } }

    /// Every job that has not ended, oldest first.
    package var active: [Job] {
        state.withLock { $0.jobs.values.filter { !$0.state.isTerminal } }.sorted { $0.id < $1.id }
    }

    /// Unfinished jobs by state.
    var counts: [JobState: Int] {
        state.withLock { state in
            state.jobs.values.reduce(into: [:]) { if !$1.state.isTerminal { $0[$1.state, default: 0] += 1 } }
        }
    }

    /// Whether every unfinished job of the database is here.
    var isLoaded: Bool {
        get { state.withLock { $0.isLoaded } }
        set { state.withLock { $0.isLoaded = newValue } }
    }

    /// Shows `job` to everyone and wakes who waits for it; answers it as shown. Its `seq` is higher than any shown before.
    /// What has ended stays as it ended.
    @discardableResult
    package func publish(_ job: Job) -> Job {
        replace(job.id) { shown in shown.map { Self.merge(job, over: $0) } ?? job } ?? job
    }

    /// Changes what is shown of an active job, whoever else shows it meanwhile. nil if there is none.
    @discardableResult
    package func update(_ id: JobID, _ change: (inout Job) -> Void) -> Job? {
        replace(id) { shown in
            guard var job = shown, !job.state.isTerminal else { return nil }
            change(&job)
            return job
        }
    }

    private func replace(_ id: JobID, _ make: (Job?) -> Job?) -> Job? {
        let (job, woken) = state.withLock { state -> (Job?, [AsyncStream<Job>.Continuation]) in
            let shown = state.jobs[id]
            if let shown, shown.state.isTerminal { return (shown, []) }
            guard var job = make(shown) else { return (nil, []) }
            if let shown { job.seq = max(job.seq, shown.seq + 1) }
            state.jobs[id] = job
            if job.state.isTerminal { Self.keepEnded(id, &state) }
            return (job, (state.waiters[id] ?? []).filter { Self.satisfied(job, after: $0.after) }.map(\.stream))
        }
        if let job { for stream in woken { stream.yield(job) } }
        // The latest, not this one, and one after the other: what is told last must be what is true last.
        telling.withLock { _ in
            let (latest, follower) = state.withLock { ($0.jobs[id], $0.follower) }
            if let latest { follower?(latest) }
        }
        return job
    }

    /// Tells `follower` of every change from now on, on the thread that makes it: it must not block, nor change the
    /// board.
    package func observe(_ follower: @escaping @Sendable (Job) -> Void) { state.withLock { $0.follower = follower } }

    private static func keepEnded(_ id: JobID, _ state: inout State) {
        state.ended.append(id)
        guard state.ended.count > 2 * keptEnded else { return }
        for id in state.ended.prefix(keptEnded) { state.jobs[id] = nil }
        state.ended.removeFirst(keptEnded)
    }

    /// Progress and a wish to cancel come from other threads than the job's own: neither may undo what the other showed.
    private static func merge(_ job: Job, over shown: Job) -> Job {
        var job = job
        job.cancelRequested = job.cancelRequested || shown.cancelRequested
        for index in job.steps.indices where job.steps[index].phase == .intended && shown.steps.indices.contains(index) {
            job.steps[index].bytesDone = job.steps[index].bytesDone ?? shown.steps[index].bytesDone
            job.steps[index].bytesTotal = job.steps[index].bytesTotal ?? shown.steps[index].bytesTotal
            job.steps[index].itemsDone = job.steps[index].itemsDone ?? shown.steps[index].itemsDone
            job.steps[index].itemsTotal = job.steps[index].itemsTotal ?? shown.steps[index].itemsTotal
        }
        return job
    }

    private static func satisfied(_ job: Job, after: Int64?) -> Bool {
        job.state.endsWaits || after.map { job.seq > $0 } == true
    }

    /// Waits until the job has ended (or, with `after`, has changed since that `seq`), or the time is over: then the job as it is.
    /// nil if the board does not know it; with `isComing` it waits for a job that will be shown soon.
    package func wait(_ id: JobID, after: Int64? = nil, limit: Duration, isComing: Bool = false) async -> Job? {
        let (stream, continuation) = AsyncStream.makeStream(of: Job.self, bufferingPolicy: .bufferingNewest(1))
        let (number, now) = state.withLock { state -> (Int, Job?) in
            let number = state.nextWaiter
            state.nextWaiter += 1
            state.waiters[id, default: []].append(Waiter(number: number, after: after, stream: continuation))
            return (number, state.jobs[id])
        }
        defer {
            state.withLock { state in
                state.waiters[id]?.removeAll { $0.number == number }
                if state.waiters[id]?.isEmpty == true { state.waiters[id] = nil }
            }
        }
        if now == nil, !isComing { return nil }
        if let now, Self.satisfied(now, after: after) { return now }
        let timer = Task.detached {
            try? await Task.sleep(for: limit)
            continuation.finish()
        }
        defer { timer.cancel() }
        for await job in stream { return job }
        return self[id]
    }
}
