internal import JobQueue
internal import Synchronization

/// The way from a job to the services, for jobs that consist of others. Set once all parts are there; held weakly, as the
/// services hold the queue and the queue its kinds.
package final class ChildJobs: Sendable {
    private struct State {
        weak var machines: MachineService?
        weak var engine: JobEngine?
    }
    private let state = Mutex(State())

    package init() {}

    func use(_ machines: MachineService, _ engine: JobEngine) {
        state.withLock { state in
            state.machines = machines
            state.engine = engine
        }
    }

    func services() throws -> (machines: MachineService, engine: JobEngine) {
        let (machines, engine) = state.withLock { ($0.machines, $0.engine) }
        guard let machines, let engine else { throw CancellationError() }
        return (machines, engine)
    }
}
