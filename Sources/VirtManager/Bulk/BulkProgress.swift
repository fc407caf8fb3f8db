internal import Synchronization

/// How far a job on many machines is: shared by those who take turns.
final class BulkProgress: Sendable {
    private struct State {
        var next = 0
        var done = 0
    }
    private let state = Mutex(State())
    private let count: Int

    init(count: Int) { self.count = count }

    /// The place of the next machine; nil when all are taken.
    func take() -> Int? {
        state.withLock { state in
            guard state.next < count else { return nil }
            defer { state.next += 1 }
            return state.next
        }
    }

    /// Counts one more and answers how many there are.
    func finishOne() -> Int {
        state.withLock { state in
            state.done += 1
            return state.done
        }
    }
}
