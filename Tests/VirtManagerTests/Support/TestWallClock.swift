import Platform
import Synchronization

/// A wall clock that a test may set; till then it is the real one.
final class TestWallClock: Sendable {
    private let set = Mutex<Timestamp?>(nil)

    var now: Timestamp {
        get { set.withLock { $0 } ?? .now() }
        set { set.withLock { $0 = newValue } }
    }

    func advance(by duration: Duration) { now = now.advanced(by: duration) }
}
