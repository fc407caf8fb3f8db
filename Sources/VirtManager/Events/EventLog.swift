internal import Hypervisor
internal import JSON
internal import JobQueue
package import Platform
internal import Synchronization
package import Telemetry

/// The timeline: takes what happens from everywhere without making anybody wait, has one writer put it into the database,
/// and shows it.
///
/// An event is durable a moment after what it tells. A death in between loses nothing that a later look can see: what was
/// known of each thing is written with its event, so the difference is found again. Only ends of jobs have no later look yet;
/// they stand in the queue's own tables.
package final class EventLog: Sendable {
    private struct State {
        /// Told, and not written yet.
        var waiting: [EventStore.Entry] = []
        var jobs: [JobID: JobState] = [:]
        /// Jobs that ended not long ago, oldest first: an end is shown more than once.
        var ended: [JobID] = []
        /// The newest written ones, oldest first: whoever follows needs no database.
        var recent: [Event] = []
        /// Everything after this id is in `recent`; nil before the first look into the database.
        var recentAfter: Int64?
        var followers: [Int: AsyncStream<Void>.Continuation] = [:]
        var nextFollower = 0
        var isOver = false
    }
    private let state = Mutex(State())
    private let store: EventStore
    private let fleet: Fleet
    private let log: Log
    private let clock: any Clock<Duration>
    private let now: @Sendable () -> Timestamp
    let limits: EventLimits
    private static let keptRecent = 2048
    private static let keptWaiting = 50_000

    package init(
        _ store: EventStore, fleet: Fleet, log: Log, limits: EventLimits = EventLimits(), clock: any Clock<Duration> = ContinuousClock(),
        now: @escaping @Sendable () -> Timestamp = { .now() }
    ) {
        self.store = store
        self.fleet = fleet
        self.log = log
        self.limits = limits
        self.clock = clock
        self.now = now
    }

    // MARK: Telling

    /// Adds an event; with `once`, unless one was told under that text before. Never blocks.
    func tell(_ event: Event, once: String? = nil) {
        let isTaken = state.withLock { state in
            guard state.waiting.count < Self.keptWaiting else { return false }
            state.waiting.append(EventStore.Entry(event: event, once: once))
            return true
        }
        if isTaken { fleet.changes.wakeReader() }
    }

    /// Follows the queue: tells of each new state of a job, and remembers which job is at work on what.
    func follow(_ job: Job) {
        fleet.changes.follow(job)
        let old = state.withLock { state -> JobState?? in
            let old = state.jobs[job.id]
            if old == job.state { return nil }
            state.jobs[job.id] = job.state
            if job.state.isTerminal { Self.rememberEnd(of: job.id, &state) }
            return .some(old)
        }
        guard let old else { return }
        var data = JSONObject([
            ("kind", .string(job.kind)), ("from", old.map { .string($0.rawValue) } ?? .null), ("to", .string(job.state.rawValue)),
            ("resources", .array(job.resources.map(JSONValue.string))),
        ])
        if let failure = job.failure, job.state != .succeeded { data["error"] = .string(failure.code) }
        tell(
            Event(at: now(), kind: "job.state", resource: "/v1/jobs/\(job.id)", origin: .gantry, job: job.id.text, data: data))
    }

    private static func rememberEnd(of job: JobID, _ state: inout State) {
        state.ended.append(job)
        guard state.ended.count > 2048 else { return }
        for id in state.ended.prefix(1024) { state.jobs[id] = nil }
        state.ended.removeFirst(1024)
    }

    // MARK: Writing

    /// Writes what comes until cancelled, and then what is left.
    func run() async {
        guard let known = await subjects() else { return }
        var deriver = EventDeriver(known: known)
        await withDiscardingTaskGroup { group in
            group.addTask { await self.removeOld() }
            for await _ in fleet.changes.wakeUps {
                await write(&deriver)
                if Task.isCancelled { break }
            }
            await write(&deriver)
            group.cancelAll()
        }
    }

    /// What an earlier life saw last; nil if the end came before the database could say.
    private func subjects() async -> [EventStore.Subject]? {
        while true {
            do {
                let bounds = try await store.bounds()
                state.withLock { $0.recentAfter = bounds.last }
                return try await store.subjects(of: fleet.hosts.map(\.name))
            } catch {
                log.error("cannot read what was seen last", ["error": "\(error)"])
                guard (try? await clock.sleep(for: .seconds(1))) != nil else { return nil }
            }
        }
    }

    private func write(_ deriver: inout EventDeriver) async {
        let time = now()
        for change in fleet.changes.take() ?? fleet.wholeChange() { deriver.take(change, at: time) }
        let told = state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
        let seen = deriver.drain()
        let entries = seen.entries + told
        guard !entries.isEmpty || !seen.subjects.isEmpty else { return }
        while true {
            do {
                return publish(try await store.append(entries, seen.subjects))
            } catch {
                log.error("cannot write events; they wait", ["error": "\(error)", "count": entries.count])
                guard !Task.isCancelled, (try? await clock.sleep(for: .seconds(1))) != nil else { return }
            }
        }
    }

    private func publish(_ events: [Event]) {
        guard !events.isEmpty else { return }
        let followers = state.withLock { state in
            state.recent += events
            if state.recent.count > 2 * Self.keptRecent {
                state.recent.removeFirst(state.recent.count - Self.keptRecent)
                state.recentAfter = state.recent.first.map { $0.id - 1 }
            }
            return Array(state.followers.values)
        }
        for follower in followers { follower.yield() }
    }

    private func removeOld() async {
        while (try? await clock.sleep(for: limits.interval)) != nil {
            do {
                while try await store.purge(before: now().advanced(by: .zero - limits.age), keeping: limits.rows) >= 1000 {}
            } catch {
                log.error("cannot remove old events", ["error": "\(error)"])
            }
        }
    }

    // MARK: Reading

    /// Up to `limit` events: those after `after`, oldest first; or, without it, the newest (before `before`), newest first.
    package func list(_ filter: EventFilter, after: Int64? = nil, before: Int64? = nil, limit: Int) async throws -> [Event] {
        if let after, let found = recent(filter, after: after, limit: limit) { return found }
        return try await store.page(filter, after: after, before: before, limit: limit)
    }

    private func recent(_ filter: EventFilter, after: Int64, limit: Int) -> [Event]? {
        state.withLock { state in
            guard let start = state.recentAfter, after >= start else { return nil }
            // Ids grow, with gaps at most: the place is found from the end.
            var first = state.recent.endIndex
            while first > 0, state.recent[first - 1].id > after { first -= 1 }
            return Array(state.recent[first...].lazy.filter(filter.matches).prefix(limit))
        }
    }

    /// The oldest id that is kept and the newest that was given.
    package func bounds() async throws -> (first: Int64, last: Int64) { try await store.bounds() }

    // MARK: Following

    /// Yields whenever there may be news, until `stop` or the end of the daemon. nil when `limits.followers` follow already.
    package func follow() -> EventFollower? {
        state.withLock { state in
            guard !state.isOver, state.followers.count < limits.followers else { return nil }
            let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
            let number = state.nextFollower
            state.nextFollower += 1
            state.followers[number] = continuation
            return EventFollower(news: stream, wake: continuation) { [weak self] in
                self?.state.withLock { $0.followers[number] = nil }
            }
        }
    }

    /// Returns when a stream without news has to show that it is alive.
    package func beat() async throws { try await clock.sleep(for: limits.beat) }

    package var followers: Int { state.withLock { $0.followers.count } }

    /// For the end of the daemon: nobody is kept waiting.
    func endFollowing() {
        let followers = state.withLock { state in
            state.isOver = true
            defer { state.followers = [:] }
            return Array(state.followers.values)
        }
        for follower in followers { follower.finish() }
    }
}
