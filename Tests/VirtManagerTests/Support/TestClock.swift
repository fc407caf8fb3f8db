import Synchronization

/// A clock that a test moves. Short sleeps (retries, polls of a step) end at once; long ones (beats, listings, the limit of
/// a drain) end when `advance` comes to them.
final class TestClock: Clock {
    struct Instant: InstantProtocol {
        var offset: Duration
        func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        func duration(to other: Instant) -> Duration { other.offset - offset }
        static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }
    private struct Sleeper {
        let until: Instant
        let wake: AsyncStream<Void>.Continuation
    }
    private struct State {
        var now = Instant(offset: .zero)
        var sleepers: [Int: Sleeper] = [:]
        var nextSleeper = 0
    }
    private let state = Mutex(State())
    private let shortest: Duration

    /// `shortest`: the least sleep that waits for `advance`. A shorter one moves the clock by itself.
    init(shortest: Duration = .seconds(1)) { self.shortest = shortest }

    var now: Instant { state.withLock { $0.now } }
    var minimumResolution: Duration { .nanoseconds(1) }
    var sleepers: Int { state.withLock { $0.sleepers.count } }

    /// Whether somebody sleeps who is to wake within `duration`.
    func hasSleeper(within duration: Duration) -> Bool {
        state.withLock { state in state.sleepers.values.contains { $0.until <= state.now.advanced(by: duration) } }
    }

    func advance(by duration: Duration) {
        let woken = state.withLock { state in
            state.now = state.now.advanced(by: duration)
            return Self.takeDue(&state)
        }
        for wake in woken { wake.finish() }
    }

    private static func takeDue(_ state: inout State) -> [AsyncStream<Void>.Continuation] {
        let due = state.sleepers.filter { $0.value.until <= state.now }
        for number in due.keys { state.sleepers[number] = nil }
        return due.values.map(\.wake)
    }

    func sleep(until deadline: Instant, tolerance: Duration?) async throws {
        let (stream, wake) = AsyncStream.makeStream(of: Void.self)
        let (isWaiting, woken) = state.withLock { state -> (Bool, [AsyncStream<Void>.Continuation]) in
            let duration = state.now.duration(to: deadline)
            guard duration >= shortest else {
                state.now = max(state.now, deadline)
                return (false, Self.takeDue(&state))
            }
            state.sleepers[state.nextSleeper] = Sleeper(until: deadline, wake: wake)
            state.nextSleeper += 1
            return (true, [])
        }
        for wake in woken { wake.finish() }
        if isWaiting { for await _ in stream {} } else { await Task.yield() }
        try Task.checkCancellation()
    }
}
