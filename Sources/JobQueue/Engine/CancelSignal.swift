internal import Synchronization

/// How a cancel or a drain reaches the one thing a job is doing right now, and where it is settled once and for all
/// whether a cancel came in time: one that was accepted is kept, one past the last moment is refused.
final class CancelSignal: Sendable {
    private struct State {
        var isCancelRequested = false
        var isRefusing = false
        var isDraining = false
        var interrupt: (@Sendable () -> Void)?
        var heedsCancel = false
        var heedsDrain = false
    }
    private let state = Mutex(State())

    var isCancelRequested: Bool { state.withLock { $0.isCancelRequested } }
    var isDraining: Bool { state.withLock { $0.isDraining } }

    /// Answers false if cancels are refused by now.
    func requestCancel() -> Bool {
        let (isAccepted, interrupt) = state.withLock { state -> (Bool, (@Sendable () -> Void)?) in
            if state.isCancelRequested { return (true, nil) }
            if state.isRefusing { return (false, nil) }
            state.isCancelRequested = true
            return (true, state.heedsCancel ? state.interrupt : nil)
        }
        interrupt?()
        return isAccepted
    }

    /// From here on a cancel is refused. Answers false if one was accepted before: then it must be obeyed.
    func refuseCancels() -> Bool {
        state.withLock { state in
            state.isRefusing = true
            return !state.isCancelRequested
        }
    }

    /// The job has come to a step that may be cancelled (again).
    func acceptCancels() { state.withLock { $0.isRefusing = false } }

    /// Ends what only waits, at once; what acts on the world is let go on to its end.
    func drain() {
        let interrupt = state.withLock { state in
            state.isDraining = true
            return state.heedsDrain ? state.interrupt : nil
        }
        interrupt?()
    }

    /// Runs `body` as a task of its own that a cancel or a drain interrupts, as asked for; its true end is awaited in any case.
    func interruptible<Value: Sendable>(
        onCancel: Bool, onDrain: Bool, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let task = Task.detached { try await body() }
        let isTooLate = state.withLock { state -> Bool in
            state.interrupt = { task.cancel() }
            state.heedsCancel = onCancel
            state.heedsDrain = onDrain
            return onCancel && state.isCancelRequested || onDrain && state.isDraining
        }
        if isTooLate { task.cancel() }
        defer {
            state.withLock { state in
                state.interrupt = nil
                state.heedsCancel = false
                state.heedsDrain = false
            }
        }
        return try await task.value
    }
}
