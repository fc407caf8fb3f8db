internal import Hypervisor
internal import JobQueue
internal import Synchronization

/// What the inventory took in, on its way to the timeline: filled under the inventory's lock and never waited for.
///
/// Bounded: when too much has come at once it is thrown away, and everything is compared anew instead.
final class FleetChanges: Sendable {
    enum Change: Sendable {
        /// nil when it is gone.
        case machine(HostName, MachineID, MachineObservation?, job: JobID?)
        /// A first listing: whatever else was known on that host is gone.
        case listed(HostName, Set<MachineID>)
        case pools(HostName, [PoolObservation], jobs: [String: JobID])
        case networks(HostName, [NetworkObservation], jobs: [String: JobID])
        case reach(HostName, HostState.Reach, String)
    }

    private struct State {
        var changes: [Change] = []
        var isOverflown = false
        /// By the path of what they work on.
        var working: [String: JobID] = [:]
        var paths: [JobID: [String]] = [:]
    }
    private let state = Mutex(State())
    private let limit: Int
    /// Yields when something is there to be taken.
    let wakeUps: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation

    init(limit: Int = 20_000) {
        self.limit = limit
        (wakeUps, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    func note(_ change: Change) {
        state.withLock { state in
            guard !state.isOverflown else { return }
            if state.changes.count >= limit {
                state.changes = []
                state.isOverflown = true
            } else {
                state.changes.append(change)
            }
        }
        wake.yield()
    }

    func noteMachine(_ host: HostName, _ id: MachineID, _ observation: MachineObservation?) {
        note(.machine(host, id, observation, job: job(on: MachineView.path(id))))
    }

    func notePools(_ host: HostName, _ pools: [PoolObservation]) { note(.pools(host, pools, jobs: jobs(below: "/v1/pools/"))) }
    func noteNetworks(_ host: HostName, _ networks: [NetworkObservation]) {
        note(.networks(host, networks, jobs: jobs(below: "/v1/networks/")))
    }

    /// Wakes the reader for something that came another way.
    func wakeReader() { wake.yield() }
    func finish() { wake.finish() }

    /// What has come since the last time; nil if it was too much.
    func take() -> [Change]? {
        state.withLock { state in
            defer {
                state.changes = []
                state.isOverflown = false
            }
            return state.isOverflown ? nil : state.changes
        }
    }

    // MARK: Whose doing it is

    /// Follows the queue: which job is at work on what. One that has not begun, or only waits for a guest, brings nothing about.
    func follow(_ job: Job) {
        let isAtWork = job.state == .running && !job.onlyWaits && job.steps.contains { $0.phase != .pending }
        state.withLock { state in
            if isAtWork, state.paths[job.id] == nil {
                let paths = job.resources.map { String($0.prefix { $0 != "?" }) }
                state.paths[job.id] = paths
                for path in paths { state.working[path] = job.id }
            } else if !isAtWork, let paths = state.paths.removeValue(forKey: job.id) {
                for path in paths where state.working[path] == job.id { state.working[path] = nil }
            }
        }
    }

    func job(on path: String) -> JobID? { state.withLock { $0.working[path] } }

    private func jobs(below prefix: String) -> [String: JobID] {
        state.withLock { state in state.working.isEmpty ? [:] : state.working.filter { $0.key.hasPrefix(prefix) } }
    }
}
