internal import Synchronization

/// The requests that wait for jobs, so that an orderly end of the daemon need not wait for them.
final class JobWaits: Sendable {
    private struct State {
        var isOver = false
        var next = 0
        var waits: [Int: @Sendable () -> Void] = [:]
    }
    private let state = Mutex(State())

    var isOver: Bool { state.withLock { $0.isOver } }

    /// Ends all waits, those to come too.
    func end() {
        let waits = state.withLock { state in
            state.isOver = true
            defer { state.waits = [:] }
            return Array(state.waits.values)
        }
        for cancel in waits { cancel() }
    }

    /// Runs a wait that is cancelled by `end`, or with the task that runs it.
    func run<Value: Sendable>(_ wait: @escaping @Sendable () async throws -> Value) async throws -> Value {
        let task = Task { try await wait() }
        let number = state.withLock { state -> Int? in
            guard !state.isOver else { return nil }
            state.next += 1
            state.waits[state.next] = { task.cancel() }
            return state.next
        }
        if number == nil { task.cancel() }
        defer { if let number { state.withLock { $0.waits[number] = nil } } }
        return try await withTaskCancellationHandler {
            try await task.value
        } onCancel: {
            task.cancel()
        }
    }
}
