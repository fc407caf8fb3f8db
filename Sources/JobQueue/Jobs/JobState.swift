/// Where a job stands. `queued` → `running` → one of the three ends; `waiting` and `needs_attention` beside them.
package enum JobState: String, Sendable, CaseIterable {
    case queued
    /// Behind a lock, a time, or a host that does not answer: always with `blockedBy`.
    case waiting
    case running
    case succeeded
    case failed
    case cancelled
    /// The world is in a state that no automatic step may touch. Ends every wait, keeps its locks.
    case needsAttention = "needs_attention"

    /// Whether the job has ended for good.
    package var isTerminal: Bool { self == .succeeded || self == .failed || self == .cancelled }
    /// Whether waiting for it makes no more sense.
    package var endsWaits: Bool { isTerminal || self == .needsAttention }
}
