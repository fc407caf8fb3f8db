import Platform
import Synchronization
import Testing

@Suite struct BlockingPoolTests {
    /// A door that holds pool threads until it is opened.
    private final class Gate: Sendable {
        private let monitor = Monitor((isOpen: false, waiting: 0))

        func pass() {
            monitor.withLock { $0.waiting += 1 }
            monitor.broadcast()
            monitor.wait { $0.isOpen ? () : nil }
        }

        func open() {
            monitor.withLock { $0.isOpen = true }
            monitor.broadcast()
        }

        /// Blocks until so many have come to the door; from a thread of another pool.
        func waitForVisitors(_ count: Int) { monitor.wait { $0.waiting >= count ? () : nil } }
    }

    private let helper: BlockingPool

    init() throws { helper = try BlockingPool(name: "helper", threads: 2) }

    @Test func resultsAndErrorsComeBack() async throws {
        struct Failure: Error {}
        let pool = try BlockingPool(name: "pool", threads: 2)
        #expect(try await pool.run { 42 } == 42)
        await #expect(throws: Failure.self) { try await pool.run { throw Failure() } }
        #expect(try await pool.run(deadline: .seconds(30)) { "fast" } == "fast")
        await #expect(throws: Failure.self) { try await pool.run(deadline: .seconds(30)) { throw Failure() } }
    }

    @Test func aFullQueueFailsAtOnce() async throws {
        let pool = try BlockingPool(name: "full", threads: 1, capacity: 1)
        let gate = Gate()
        async let running: Void = pool.run { gate.pass() }
        try await helper.run { gate.waitForVisitors(1) }
        async let waiting: Void = pool.run {}
        while pool.load < 2 { await Task.yield() }
        await #expect(throws: BlockingPoolError.full("full")) { try await pool.run {} }
        await #expect(throws: BlockingPoolError.full("full")) { try await pool.run(deadline: .seconds(1)) {} }
        gate.open()
        try await running
        try await waiting
    }

    @Test func aDeadlineAnswersWhileTheCallGoesOn() async throws {
        let pool = try BlockingPool(name: "slow", threads: 1)
        let gate = Gate()
        await #expect(throws: BlockingPoolError.deadline("slow", .milliseconds(20))) {
            try await pool.run(deadline: .milliseconds(20)) { gate.pass() }
        }
        #expect(pool.load == 1)
        // Time in the queue counts too, and what is given up there never runs.
        let ran = Flag()
        await #expect(throws: BlockingPoolError.deadline("slow", .milliseconds(20))) {
            try await pool.run(deadline: .milliseconds(20)) { ran.set() }
        }
        gate.open()
        try await pool.run {}
        #expect(!ran.isSet)
    }

    @Test func whatIsCancelledInTheQueueNeverRuns() async throws {
        let pool = try BlockingPool(name: "queue", threads: 1)
        let gate = Gate()
        let ran = Flag()
        async let running: Void = pool.run { gate.pass() }
        try await helper.run { gate.waitForVisitors(1) }
        let waiting = Task { try await pool.run { ran.set() } }
        while pool.load < 2 { await Task.yield() }
        waiting.cancel()
        gate.open()
        try await running
        await #expect(throws: CancellationError.self) { try await waiting.value }
        #expect(!ran.isSet)
    }

    @Test func cancellingWhatRunsAbortsItAndAwaitsItsEnd() async throws {
        let pool = try BlockingPool(name: "abort", threads: 1)
        let gate = Gate()
        let aborted = Flag()
        let running = Task {
            try await pool.run(
                abort: {
                    aborted.set()
                    gate.open()
                },
                {
                    gate.pass()
                    return "true end"
                })
        }
        try await helper.run { gate.waitForVisitors(1) }
        running.cancel()
        #expect(try await running.value == "true end")
        #expect(aborted.isSet)
    }

    @Test func aClosedPoolRunsWhatIsQueuedAndTakesNothingMore() async throws {
        let pool = try BlockingPool(name: "closed", threads: 1)
        let gate = Gate()
        async let running: Void = pool.run { gate.pass() }
        try await helper.run { gate.waitForVisitors(1) }
        async let waiting = pool.run { 1 }
        while pool.load < 2 { await Task.yield() }
        pool.close()
        await #expect(throws: BlockingPoolError.closed) { try await pool.run {} }
        gate.open()
        try await running
        #expect(try await waiting == 1)
    }

    @Test func manyCallersShareFewThreads() async throws {
        let pool = try BlockingPool(name: "many", threads: 3)
        let peak = Monitor((now: 0, peak: 0))
        let sum = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<500 {
                group.addTask {
                    try await pool.run {
                        peak.withLock {
                            $0.now += 1
                            $0.peak = max($0.peak, $0.now)
                        }
                        defer { peak.withLock { $0.now -= 1 } }
                        return number
                    }
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(sum == 499 * 500 / 2)
        #expect(peak.withLock { $0.peak } <= 3)
    }
}

private final class Flag: Sendable {
    private let value = Mutex(false)
    var isSet: Bool { value.withLock { $0 } }
    func set() { value.withLock { $0 = true } }
}
