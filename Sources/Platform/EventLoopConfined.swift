internal import Glibc
internal import Synchronization

/// Which kernel thread a loop runs on; the ticket that opens `EventLoopConfined` values.
package final class EventLoopThread: Sendable {
    private let identity = Atomic<UInt>(0)

    package init() {}

    /// True on the loop's own thread (pthread_self(3)).
    @inline(__always)
    package var isCurrent: Bool { identity.load(ordering: .relaxed) == UInt(pthread_self()) }

    func adoptCurrent() { identity.store(UInt(pthread_self()), ordering: .relaxed) }
}

/// A value that only the loop's thread may look at, in a wrapper that may travel.
///
/// `@unchecked Sendable`: `value` checks the thread on every access, in release builds too, so state of a
/// connection is never touched by two threads.
package struct EventLoopConfined<Value>: @unchecked Sendable {
    private let thread: EventLoopThread
    private let content: Value

    package init(_ value: Value, to thread: EventLoopThread) {
        self.thread = thread
        content = value
    }

    /// The value; traps when read from any other thread than the loop's.
    @inline(__always)
    package var value: Value {
        precondition(thread.isCurrent, "loop state touched from another thread")
        return content
    }
}
