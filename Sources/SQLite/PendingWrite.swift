/// One queued change: run inside the shared transaction, told of its end after the commit.
struct PendingWrite: Sendable {
    /// Runs the caller's closure and answers how to hand its result over once the commit is durable.
    let apply: @Sendable (Connection) throws -> @Sendable () -> Void
    let fail: @Sendable (any Error) -> Void
}
