/// What epoll(7) reported, or what a handler wants to hear of.
package struct EventLoopInterest: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    // The kernel's numbers, the same on every Linux.
    package static let read = EventLoopInterest(rawValue: 1)
    package static let write = EventLoopInterest(rawValue: 4)
    /// Both directions are gone or the socket failed (EPOLLHUP, EPOLLERR); always reported, never asked for.
    package static let gone = EventLoopInterest(rawValue: 8 | 16)
}

/// Owner of a registered descriptor. Called on the loop's thread only.
package protocol EventLoopHandler: AnyObject {
    /// The descriptor is ready (level-triggered: it is said again while it stays true).
    func ready(_ events: EventLoopInterest)
    /// The deadline set by `EventLoop.setDeadline` has passed. Deadlines are never taken back, so this may come
    /// earlier than what the handler now wants: it looks at its own clock and sets a new one.
    func deadlinePassed()
}

/// A registration: descriptor and generation, so that an event meant for a closed descriptor never reaches the
/// next owner of the same number.
package struct EventLoopToken: Hashable, Sendable {
    let rawValue: UInt64

    init(descriptor: Int32, generation: UInt32) {
        rawValue = UInt64(generation) << 32 | UInt64(UInt32(bitPattern: descriptor))
    }

    init(rawValue: UInt64) { self.rawValue = rawValue }

    package var descriptor: Int32 { Int32(truncatingIfNeeded: rawValue) }
    var generation: UInt32 { UInt32(truncatingIfNeeded: rawValue >> 32) }
}
