internal import FoundationEssentials
internal import Glibc
internal import Hypervisor
internal import JobQueue
internal import Synchronization

/// Debug builds only: `GANTRY_FAIL_POINT=vm.create/define/after-act=kill` makes the daemon die (`kill`), lose an answer
/// (`error`), or cancel the job (`cancel`) at that place, once. `GANTRY_FAIL_POINT=@FILE` takes the same from a file, which
/// may come while the daemon runs and is removed when it takes effect; with a file, `hold` waits there until the file is
/// back, so that something else can be killed meanwhile. How the tests on real hosts prove the crash cells.
final class FailPointSetting: Sendable {
    private let fixed: (site: FailPointSite, deed: String)?
    private let file: String?
    private let isSpent = Atomic<Bool>(false)
    private let engine = Mutex<JobEngine?>(nil)

    init() {
        #if FAIL_POINTS
            let text = getenv("GANTRY_FAIL_POINT").map { String(cString: $0) } ?? ""
            file = text.hasPrefix("@") ? String(text.dropFirst()) : nil
            fixed = Self.parse(text)
        #else
            file = nil
            fixed = nil
        #endif
    }

    private static func parse(_ text: String) -> (site: FailPointSite, deed: String)? {
        let parts = text.split(separator: "=").map(String.init)
        guard parts.count == 2, let site = FailPointSite(parts[0]) else { return nil }
        return (site, parts[1])
    }

    /// Whose jobs a `cancel` cancels.
    func use(_ engine: JobEngine) { self.engine.withLock { $0 = engine } }

    /// What the engine calls at every place; nil if nothing is set.
    var hook: (@Sendable (FailPointSite, JobID) async throws -> Void)? {
        guard fixed != nil || file != nil else { return nil }
        return { place, job in try await self.pass(place, job) }
    }

    /// What is to be done at this place: given to one job only.
    private func take(_ place: FailPointSite) -> String? {
        if let file {
            guard let data = FileManager.default.contents(atPath: file), let found = Self.parse(String(decoding: data, as: UTF8.self)),
                found.site == place, unlink(file) == 0
            else { return nil }
            return found.deed
        }
        guard let fixed, fixed.site == place, !isSpent.exchange(true, ordering: .acquiringAndReleasing) else { return nil }
        return fixed.deed
    }

    private func pass(_ place: FailPointSite, _ job: JobID) async throws {
        switch take(place) {
        case "kill":
            kill(getpid(), SIGKILL)
        case "error":
            throw HypervisorError(
                place.point == .afterAct ? .connectionLost : .operationFailed, "injected at \(place)", function: "fail point")
        case "cancel":
            _ = try? await engine.withLock { $0 }?.cancel(job)
        case "hold":
            await hold()
        default:
            break
        }
    }

    private func hold() async {
        guard let file else { return }
        while unlink(file) != 0 { try? await Task.sleep(for: .milliseconds(5)) }
    }
}
