import Platform

/// Holds up threads until it is opened: calls that hang for as long as a test likes.
final class Gate: Sendable {
    private let state = Monitor((isOpen: false, waiting: 0))

    func pass() {
        state.withLock { $0.waiting += 1 }
        state.wait { $0.isOpen ? () : nil }
    }

    func open() {
        state.withLock { $0.isOpen = true }
        state.broadcast()
    }

    /// How many came so far.
    var waiting: Int { state.withLock { $0.waiting } }
}
