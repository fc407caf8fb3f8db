internal import Glibc
internal import Hypervisor
internal import JobQueue
internal import Synchronization

/// Debug builds only: `GANTRY_FAIL_POINT=vm.create/define/after-act=kill` makes the daemon die (`kill`), lose an answer
/// (`error`), or cancel the job (`cancel`) at that place, once. How the tests on real hosts prove the crash cells.
final class FailPointSetting: Sendable {
    private let site: FailPointSite?
    private let deed: String
    private let isSpent = Atomic<Bool>(false)
    private let engine = Mutex<JobEngine?>(nil)

    init() {
        #if FAIL_POINTS
            let parts = getenv("GANTRY_FAIL_POINT").map { String(cString: $0).split(separator: "=").map(String.init) } ?? []
            site = parts.first.flatMap { FailPointSite($0) }
            deed = parts.count == 2 ? parts[1] : ""
        #else
            site = nil
            deed = ""
        #endif
    }

    /// Whose jobs a `cancel` cancels.
    func use(_ engine: JobEngine) { self.engine.withLock { $0 = engine } }

    /// What the engine calls at every place; nil if nothing is set.
    var hook: (@Sendable (FailPointSite, JobID) async throws -> Void)? {
        guard site != nil else { return nil }
        return { place, job in try await self.pass(place, job) }
    }

    private func pass(_ place: FailPointSite, _ job: JobID) async throws {
        guard place == site, !isSpent.exchange(true, ordering: .acquiringAndReleasing) else { return }
        switch deed {
        case "kill":
            kill(getpid(), SIGKILL)
        case "error":
            throw HypervisorError(
                place.point == .afterAct ? .connectionLost : .operationFailed, "injected at \(place)", function: "fail point")
        case "cancel":
            _ = try? await engine.withLock { $0 }?.cancel(job)
        default:
            break
        }
    }
}
