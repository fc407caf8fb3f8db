import Platform
import Testing

@Suite struct MonitorTests {
    @Test func waitersSeeWhatWasSet() async throws {
        let monitor = Monitor(0)
        let pool = try BlockingPool(name: "monitor", threads: 3)
        async let first = pool.run { monitor.wait { $0 >= 1 ? $0 : nil } }
        async let second = pool.run { monitor.wait(for: .seconds(30)) { $0 >= 1 ? $0 : nil } }
        try await pool.run {
            monitor.withLock { $0 = 5 }
            monitor.broadcast()
        }
        #expect(try await first == 5)
        #expect(try await second == 5)
    }

    @Test func waitingEndsWithItsLimit() async throws {
        let monitor = Monitor(0)
        let pool = try BlockingPool(name: "monitor", threads: 1)
        let clock = ContinuousClock()
        let start = clock.now
        let answer: Int? = try await pool.run { monitor.wait(for: .milliseconds(30)) { $0 > 0 ? $0 : nil } }
        #expect(answer == nil)
        #expect(clock.now - start >= .milliseconds(30))
        #expect(try await pool.run { monitor.wait(for: .zero) { $0 == 0 ? true : nil } } == true)
    }

    @Test func theLockExcludes() async throws {
        let monitor = Monitor(0)
        let pool = try BlockingPool(name: "monitor", threads: 4)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    try await pool.run {
                        for _ in 0..<10_000 { monitor.withLock { $0 += 1 } }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(monitor.withLock { $0 } == 40_000)
    }

    @Test func errorsPassThroughAndFreeTheLock() {
        struct Failure: Error {}
        let monitor = Monitor(1)
        #expect(throws: Failure.self) { try monitor.withLock { _ in throw Failure() } }
        #expect(monitor.withLock { $0 } == 1)
    }
}
