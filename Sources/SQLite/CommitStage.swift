/// Points of the writer's turn at which a test may fail or kill it.
package enum CommitStage: Sendable, CaseIterable {
    /// Work was taken from the queue, nothing begun.
    case begin
    /// All items of the batch ran, nothing is durable.
    case commit
    /// The commit is durable, nobody was told.
    case committed
}
