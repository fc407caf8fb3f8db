import Platform

/// Holds threads until it is opened.
final class Gate: Sendable {
    private let monitor = Monitor((isOpen: false, isReached: false))

    /// Whether a thread came to it.
    var isReached: Bool { monitor.withLock { $0.isReached } }

    func open() {
        monitor.withLock { $0.isOpen = true }
        monitor.broadcast()
    }

    func wait() {
        monitor.wait { state in
            state.isReached = true
            return state.isOpen ? () : nil
        }
    }
}
