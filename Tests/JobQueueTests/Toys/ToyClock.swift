import Synchronization

/// A clock that never really waits: a sleep ends at once and is noted, unless it is of the long kind that `isHeld` names
/// (a drain's limit, upkeep, a time to run at): such a sleep ends when `advance` comes to it.
final class ToyClock: Clock {
    struct Instant: InstantProtocol {
        var offset: Duration
        func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        func duration(to other: Instant) -> Duration { other.offset - offset }
        static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }
    private struct Sleeper {
        let until: Instant
        let duration: Duration
        let wake: AsyncStream<Void>.Continuation
    }
    private struct State {
        var now = Instant(offset: .zero)
        var slept: [Duration] = []
        var sleepers: [Int: Sleeper] = [:]
        var nextSleeper = 0
    }
    private let state = Mutex(State())
    private let isHeld: @Sendable (Duration) -> Bool

    init(isHeld: @escaping @Sendable (Duration) -> Bool = { $0 >= .seconds(600) || $0 == .seconds(20) }) { self.isHeld = isHeld }

    var now: Instant { state.withLock { $0.now } }
    var minimumResolution: Duration { .nanoseconds(1) }
    /// The sleeps that ended at once.
    var slept: [Duration] { state.withLock { $0.slept } }

    /// How long the sleeps are that wait for `advance`.
    var heldSleeps: [Duration] { state.withLock { $0.sleepers.values.map(\.duration) } }

    func advance(by duration: Duration) {
        let woken = state.withLock { state in
            state.now = state.now.advanced(by: duration)
            let due = state.sleepers.filter { $0.value.until <= state.now }
            for number in due.keys { state.sleepers[number] = nil }
            return due.values.map(\.wake)
        }
        for wake in woken { wake.finish() }
    }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        let (stream, wake) = AsyncStream.makeStream(of: Void.self)
        let isWaiting = state.withLock { state in
            let duration = state.now.duration(to: deadline)
            guard isHeld(duration) else {
                state.slept.append(duration)
                return false
            }
            state.sleepers[state.nextSleeper] = Sleeper(until: deadline, duration: duration, wake: wake)
            state.nextSleeper += 1
            return true
        }
        if isWaiting { for await _ in stream {} } else { await Task.yield() }
        try Task.checkCancellation()
    }
}
