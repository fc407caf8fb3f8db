/// A streamed answer under way.
final class ResponseStream {
    enum Outcome: Sendable {
        case accepted
        /// Taken, but wait for space before the next.
        case full
        case gone
        case tooLong
    }

    let isChunked: Bool
    /// Bytes still owed of a stated length.
    var missing: Int64?
    var isFirst = true
    var isFinished = false
    /// The producer, while the queue is full.
    var waiters: [CheckedContinuation<Bool, Never>] = []

    init(isChunked: Bool, length: Int64?) {
        self.isChunked = isChunked
        missing = length
    }

    func resumeWaiters(_ goesOn: Bool) {
        let waiters = self.waiters
        self.waiters = []
        for waiter in waiters { waiter.resume(returning: goesOn) }
    }
}
