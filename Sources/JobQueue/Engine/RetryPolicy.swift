/// How long to wait before the next try of a step that failed in a typed-transient way: base × factor^n, capped, full jitter.
package struct RetryPolicy: Sendable {
    package var base: Duration
    package var cap: Duration
    package init(base: Duration = .seconds(2), cap: Duration = .seconds(300)) {
        self.base = base
        self.cap = cap
    }

    /// The delay after the `failures`-th failure (1, 2, …), by a random number in 0…1.
    package func delay(failures: Int, random: Double = .random(in: 0...1)) -> Duration {
        var ceiling = base
        for _ in 1..<max(1, min(failures, 20)) { ceiling = min(cap, ceiling * 2) }
        return ceiling * random
    }
}
