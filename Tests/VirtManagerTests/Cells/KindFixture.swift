import Hypervisor
import JobQueue
import TestSupport
import Testing

@testable import VirtManager

/// How one kind of job is put on trial: the world before it, the request, and what of the rules is particular to it.
struct KindFixture: Sendable {
    typealias Life = ManagerBench.Life

    /// The kind, with a word for the variant where there are several.
    let name: String
    let kind: String
    let prepare: @Sendable (FakeWorld) async throws -> Void
    /// What comes before the request that is not part of the trial.
    var setUp: @Sendable (Life) async throws -> Void = { _ in }
    let request: @Sendable (Life) async throws -> Job
    /// The same request once more after the end: what it comes to.
    var again: @Sendable (Life) async throws -> Second
    /// Steps whose effect is still there when all was undone.
    var leftAfterUndo: @Sendable (FailPointSite) -> Int = { _ in 0 }
    /// Steps that find their effect there already: an error in their place does no harm.
    var idleSteps: Set<String> = []
    /// A volume that was asked for belongs to nobody.
    var makesVolumes: Bool { kind.hasPrefix("volume.") || kind.hasPrefix("upload.") }
    /// Its volume is there before the job, not whole.
    var isInParts: Bool { name.hasSuffix("parts") }
    /// Whether a change that the host refuses to make while the machine runs waits for its next boot.
    var mayWaitForBoot = false
    /// Whether doing it twice shows: a guest that boots once more writes on its console once more.
    var showsRepetition: Bool { kind.hasSuffix(".reboot") || kind.hasSuffix(".reset") }
    /// A job that only waits itself, and has others do the work. Those have cells of their own.
    var isBulk: Bool { kind.hasPrefix("vms.") }
    /// How it ends after a death at a place.
    var stateAfterDeath: @Sendable (FailPointSite) -> JobState = { _ in .succeeded }

    enum Second: Equatable, Sendable {
        /// It is so already, or is gone already.
        case nothingToDo
        case job(JobState, short: String)
        case refused(String)

        init<Value>(_ life: Life, _ body: () async throws -> Outcome<Value>) async throws {
            do {
                switch try await body() {
                case .unchanged, .absent: self = .nothingToDo
                case .plan: self = .refused("plan")
                case .job(let job): self = .job(try await life.end(job).state, short: job.id.short)
                }
            } catch let error as ServiceError {
                self = .refused(error.code)
            }
        }
    }

    /// A kind whose request is one call of a service.
    init<Value>(
        _ name: String, kind: String? = nil, prepare: @escaping @Sendable (FakeWorld) async throws -> Void,
        call: @escaping @Sendable (Life) async throws -> Outcome<Value>
    ) {
        self.name = name
        self.kind = kind ?? name
        self.prepare = prepare
        request = { life in
            guard case .job(let job) = try await call(life) else { throw NotReached(description: "\(name): no job") }
            return job
        }
        again = { life in try await Second(life) { try await call(life) } }
    }
}
