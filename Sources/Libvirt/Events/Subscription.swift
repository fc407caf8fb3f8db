internal import Hypervisor
internal import Synchronization

/// Whether a connection is up, known to its callbacks and to its calls.
final class Liveness: Sendable {
    private let lossReason = Mutex<String?>(nil)

    /// nil while the connection is up.
    var loss: String? { lossReason.withLock { $0 } }

    /// Answers whether this was the first to notice.
    func lose(_ reason: String) -> Bool {
        lossReason.withLock { loss in
            guard loss == nil else { return false }
            loss = reason
            return true
        }
    }
}

/// What the callbacks of one open connection feed.
struct Subscription: Sendable {
    /// nil for a connection whose events nobody wants.
    let queue: EventQueue?
    let liveness: Liveness

    func connectionLost(_ reason: String) {
        if liveness.lose(reason) { queue?.push(.disconnected(reason)) }
    }
}

/// Subscriptions by number. Callbacks carry the number and no pointer: one that comes late finds nothing.
enum SubscriptionTable {
    private struct State {
        var last: UInt = 0
        var entries: [UInt: Subscription] = [:]
    }
    private static let state = Mutex(State())

    static func add(_ subscription: Subscription) -> UInt {
        state.withLock { state in
            state.last += 1
            state.entries[state.last] = subscription
            return state.last
        }
    }

    static func remove(_ token: UInt) {
        state.withLock { _ = $0.entries.removeValue(forKey: token) }
    }

    static func find(_ opaque: UnsafeMutableRawPointer?) -> Subscription? {
        let token = UInt(bitPattern: opaque)
        return state.withLock { $0.entries[token] }
    }

    static var count: Int { state.withLock { $0.entries.count } }
}
