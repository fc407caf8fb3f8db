internal import CLinux
internal import Glibc

/// What belongs to the loop's thread: epoll set, registrations, timers, jobs made on the loop itself.
final class EventLoopState {
    private struct Slot {
        var generation: UInt32 = 0
        var handler: (any EventLoopHandler)?
    }

    private let epoll: Int32
    private var slots: [Slot] = []
    private var timers = EventLoopTimers()
    private var closures: [UInt64: () -> Void] = [:]
    private var lastTimer: UInt32 = 0
    private let events = UnsafeMutablePointer<gantry_event>.allocate(capacity: EventLoopState.eventsPerTurn)
    /// Jobs enqueued from the loop's own thread: no lock, no wake-up.
    var jobs: [UnownedJob] = []
    private(set) var now: Int64 = monotonicNanoseconds()

    private static let eventsPerTurn = 256

    init(epoll: Int32) { self.epoll = epoll }

    deinit { events.deallocate() }

    func refreshNow() { now = monotonicNanoseconds() }

    func register(
        _ descriptor: Int32, _ interest: EventLoopInterest, _ handler: any EventLoopHandler
    ) throws(SystemCallError)
        -> EventLoopToken
    {
        guard descriptor >= 0 else { throw SystemCallError("epoll_ctl", code: EBADF) }
        let index = Int(descriptor)
        if index >= slots.count { slots.append(contentsOf: repeatElement(Slot(), count: index + 1 - slots.count)) }
        slots[index].generation &+= 1
        let token = EventLoopToken(descriptor: descriptor, generation: slots[index].generation)
        guard gantry_epoll_add(epoll, descriptor, interest.rawValue, token.rawValue) == 0 else { throw SystemCallError("epoll_ctl") }
        slots[index].handler = handler
        return token
    }

    func modify(_ token: EventLoopToken, _ interest: EventLoopInterest) {
        guard handler(of: token) != nil else { return }
        _ = gantry_epoll_modify(epoll, token.descriptor, interest.rawValue, token.rawValue)
    }

    func remove(_ token: EventLoopToken) {
        guard handler(of: token) != nil else { return }
        slots[Int(token.descriptor)].handler = nil
        _ = gantry_epoll_remove(epoll, token.descriptor)
    }

    private func handler(of token: EventLoopToken) -> (any EventLoopHandler)? {
        let index = Int(token.descriptor)
        guard slots.indices.contains(index), slots[index].generation == token.generation else { return nil }
        return slots[index].handler
    }

    // MARK: Timers

    func setDeadline(_ token: EventLoopToken, at deadline: Int64) {
        timers.insert(.init(deadline: deadline, key: token.rawValue))
    }

    /// Closure timers use keys no descriptor can have (descriptor part -1).
    func schedule(at deadline: Int64, _ body: @escaping () -> Void) -> EventLoopToken {
        lastTimer &+= 1
        let token = EventLoopToken(descriptor: -1, generation: lastTimer)
        closures[token.rawValue] = body
        timers.insert(.init(deadline: deadline, key: token.rawValue))
        return token
    }

    func cancel(_ token: EventLoopToken) { closures[token.rawValue] = nil }

    func fireTimers() {
        while let due = timers.popDue(at: now) {
            let token = EventLoopToken(rawValue: due.key)
            if token.descriptor >= 0 {
                handler(of: token)?.deadlinePassed()
            } else if let body = closures.removeValue(forKey: due.key) {
                body()
            }
        }
    }

    // MARK: One turn's parts

    /// Waits for events (epoll_wait(2)); does not sleep while jobs are left. Answers how many there are.
    func wait() -> Int {
        var timeout: Int32 = -1
        if !jobs.isEmpty {
            timeout = 0
        } else if let earliest = timers.earliest {
            let milliseconds = (earliest - monotonicNanoseconds() + 999_999) / 1_000_000
            timeout = Int32(clamping: max(0, milliseconds))
        }
        let count = gantry_epoll_wait(epoll, events, Int32(Self.eventsPerTurn), timeout)
        refreshNow()
        return Int(max(0, count))
    }

    /// Hands the first `count` events out; `other` hears of the one that is no registration (the wake-up).
    func dispatch(_ count: Int, other: () -> Void) {
        for index in 0..<count {
            let event = events[index]
            if event.data == UInt64.max {
                other()
            } else {
                handler(of: EventLoopToken(rawValue: event.data))?.ready(EventLoopInterest(rawValue: event.events))
            }
        }
    }

    func removeAllHandlers() {
        slots.removeAll()
        closures.removeAll()
    }
}

/// CLOCK_MONOTONIC (clock_gettime(2)) in nanoseconds.
func monotonicNanoseconds() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}
