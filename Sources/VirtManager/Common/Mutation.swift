package import JobQueue

/// Who calls, as the door they came through established it.
package struct Caller: Sendable, Equatable {
    /// `unix` or `token`.
    package var kind: String
    package var name: String
    /// Under which `Idempotency-Key`s are kept apart.
    package var scope: String

    package init(kind: String, name: String, scope: String) {
        self.kind = kind
        self.name = name
        self.scope = scope
    }

    var requestor: Requestor { Requestor(kind: kind, name: name) }
}

/// What every mutation carries besides its body.
package struct Mutation: Sendable {
    package var caller: Caller
    package var idempotency: IdempotencyKey?
    package var reason: String?
    /// Answer what would be done, and do nothing.
    package var dryRun: Bool
    /// Refuse instead of queueing behind another job on the same thing.
    package var failIfBusy: Bool
    /// What must be so when the job is taken (`If-Match`).
    package var condition: JobRequest.Condition?

    package init(
        caller: Caller, idempotency: IdempotencyKey? = nil, reason: String? = nil, dryRun: Bool = false, failIfBusy: Bool = false
    ) {
        self.caller = caller
        self.idempotency = idempotency
        self.reason = reason
        self.dryRun = dryRun
        self.failIfBusy = failIfBusy
    }
}

/// What a mutation came to.
package enum Outcome<Value: Sendable>: Sendable {
    /// It was so already.
    case unchanged(Value)
    /// A job does it, or has done it.
    case job(Job)
    /// What would be done (`dry_run`).
    case plan(DryRun)
    /// What was to go is not there.
    case absent
}
