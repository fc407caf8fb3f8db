package import JobQueue
internal import Synchronization

/// The fail-point hook of one cell: does its injury the first time the job comes by its place (or `times` times).
package final class CrashCellController: Sendable {
    private struct State {
        var remaining: Int
        /// Weak: the engine holds this hook.
        weak var engine: JobEngine?
        var isCancelAccepted: Bool?
        var passed: [FailPointSite] = []
    }
    private let cell: CrashCell
    private let state: Mutex<State>

    package init(_ cell: CrashCell, times: Int = 1) {
        self.cell = cell
        state = Mutex(State(remaining: times))
    }

    /// The engine that a cancel goes to; to be set before the job is enqueued.
    package func attach(_ engine: JobEngine) { state.withLock { $0.engine = engine } }

    package var hasFired: Bool { state.withLock { $0.remaining == 0 } }
    package var isCancelAccepted: Bool? { state.withLock { $0.isCancelAccepted } }
    /// Every place the job came by, in order.
    package var passed: [FailPointSite] { state.withLock { $0.passed } }

    /// To be given to the engine as its `failPoint`.
    package func pass(_ site: FailPointSite, _ job: JobID) async throws {
        let (isDue, engine) = state.withLock { state -> (Bool, JobEngine?) in
            state.passed.append(site)
            guard site == cell.site, state.remaining > 0 else { return (false, nil) }
            state.remaining -= 1
            return (true, state.engine)
        }
        guard isDue else { return }
        switch cell.injury {
        case .death: throw SimulatedDeath()
        case .error: throw JobFailure("test.injected", category: "internal", detail: "injected at \(site)")
        case .cancel:
            do {
                _ = try await engine?.cancel(job)
                state.withLock { $0.isCancelAccepted = true }
            } catch let failure as JobFailure where failure.code == "job.past_cancel" {
                state.withLock { $0.isCancelAccepted = false }
            }
        }
    }
}
