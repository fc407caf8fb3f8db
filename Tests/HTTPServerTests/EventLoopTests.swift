import Glibc
import Platform
import Synchronization
import Testing

/// The loop as an executor and as a timer. (Descriptors are covered by everything else in this target.)
@Suite struct EventLoopTests {
    @Test func tasksThatPreferItRunOnItAndComeBack() async throws {
        let loop = try EventLoop(name: "loop-test")
        let pool = try BlockingPool(name: "loop-test", threads: 1)
        let task = Task.detached(executorPreference: loop) {
            var places = [loop.isOnLoop]
            places.append(try await pool.run { loop.isOnLoop })
            places.append(loop.isOnLoop)
            await Task.yield()
            places.append(loop.isOnLoop)
            return places
        }
        #expect(try await task.value == [true, false, true, true])
        loop.stop()
    }

    @Test func timersFireInOrderAndCanBeTakenBack() async throws {
        let loop = try EventLoop(name: "loop-test")
        let order = Mutex<[Int]>([])
        let done = Gate()
        loop.execute {
            for delay in [30, 10, 20, 1, 40] {
                _ = loop.schedule(after: .milliseconds(delay)) {
                    order.withLock { $0.append(delay) }
                    if delay == 40 { done.open() }
                }
            }
            loop.cancel(loop.schedule(after: .milliseconds(15)) { order.withLock { $0.append(15) } })
        }
        await done.wait()
        #expect(order.withLock { $0 } == [1, 10, 20, 30, 40])
        loop.stop()
    }

    @Test func aTaskThatAlwaysYieldsDoesNotStarveTheRest() async throws {
        let loop = try EventLoop(name: "loop-test")
        let greedy = Task.detached(executorPreference: loop) {
            while !Task.isCancelled { await Task.yield() }
        }
        let answered = await loop.run { true }
        #expect(answered)
        greedy.cancel()
        await greedy.value
        loop.stop()
    }

    @Test func slowTurnsAreCounted() async throws {
        let loop = try EventLoop(name: "loop-test")
        _ = await loop.run { usleep(15_000) }
        let counted = try await LiveServer.eventually { loop.slowTurns >= 1 }
        #expect(counted)
        loop.stop()
    }

    @Test func manyThreadsCanPostAtOnce() async throws {
        let loop = try EventLoop(name: "loop-test")
        let count = Counter()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask { for _ in 0..<2000 { await loop.run { count.add(1) } } }
            }
        }
        #expect(count.value == 16_000)
        loop.stop()
    }
}
