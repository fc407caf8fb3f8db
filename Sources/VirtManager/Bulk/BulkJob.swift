package import JSON
package import JobQueue
internal import Synchronization

/// `vms.delete`, `vms.start` …: one ordinary job for each machine, under keys of its own, so that a crash never doubles one.
/// It holds no lock and no slot while it waits for them. Cancelled, it cancels them.
package struct BulkJob: JobKind {
    package let action: BulkAction
    package let isUndoable = false
    let world: JobWorld

    package init(_ action: BulkAction, _ world: JobWorld) {
        self.action = action
        self.world = world
    }

    package var name: String { action.jobKind }

    package func steps(_ arguments: JSONValue) throws(JobFailure) -> [JobStep] {
        guard let work = BulkWork(json: arguments) else { throw unreadableArguments(name) }
        let outcome = Outcome()
        return [
            JobStep(
                "machines", .pure, releasesLocks: true,
                probe: { _ in outcome.value.map { .done($0) } ?? .absent },
                act: { [action, world] context in
                    outcome.value = try await BulkRun(action: action, work: work, world: world, context: context).run().json
                })
        ]
    }

    package func result(_ context: StepContext) async throws -> JSONValue? { context.observed["machines"] }

    package func cancelled(_ context: StepContext) async throws { try await BulkRun.cancelChildren(of: context, world) }

    package func failure(of result: JSONValue?) -> JobFailure? { result.flatMap(BulkResult.failure) }

    /// What this attempt found: after a death the children are found by their keys, and it is put together anew.
    private final class Outcome: Sendable {
        private let stored = Mutex<JSONValue?>(nil)
        var value: JSONValue? {
            get { stored.withLock { $0 } }
            set { stored.withLock { $0 = newValue } }
        }
    }
}
