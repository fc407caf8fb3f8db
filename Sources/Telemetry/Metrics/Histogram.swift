internal import Synchronization

/// Counts of durations by upper bound.
package final class Histogram: Sendable {
    /// From a cached read to a long job, in seconds.
    package static let defaultBounds: [Duration] = [
        .microseconds(100), .microseconds(500), .milliseconds(1), .milliseconds(5), .milliseconds(10), .milliseconds(50),
        .milliseconds(100), .milliseconds(500), .seconds(1), .seconds(5), .seconds(10), .seconds(60), .seconds(600),
    ]

    struct State: Sendable {
        var counts: [Int]
        var sum: Duration = .zero
    }

    let bounds: [Duration]
    private let state: Mutex<State>

    init(bounds: [Duration]) {
        self.bounds = bounds.sorted()
        state = Mutex(State(counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    package func observe(_ duration: Duration) {
        let index = bounds.firstIndex { duration <= $0 } ?? bounds.count
        state.withLock { state in
            state.counts[index] += 1
            state.sum += duration
        }
    }

    var current: State { state.withLock { $0 } }
}
