import JSON
import JobQueue
import Platform
import SQLite
import Synchronization
import Testing

/// Many jobs, restarts, drains, limits, a full disk.
@Suite struct EngineLifeTests {
    private let bench: ToyBench

    init() throws { bench = try ToyBench() }

    @Test func aDrainLetsGoOfWhatWaitsAndTheNextLifeGoesOn() async throws {
        let first = try bench.live()
        let gated = try await first.enqueue("toy.gated", "a", on: "vm:a")
        await bench.world.when { $0.gates["gate-a"] != nil }
        // In the middle of a retry's pause there is nothing to wait for either.
        try await first.stop()
        #expect(try bench.stored(gated)?.state == .running)
        let second = try bench.live()
        bench.world.open("gate-a")
        let end = try await second.end(gated)
        #expect(end.state == .succeeded && end.attempt == 2)
        #expect(end.steps.map(\.failures) == [0, 0, 0])
        #expect(bench.world.acts == ["start-a", "note-a"])
        try await second.stopEmpty()
    }

    @Test func aDrainWaitsForAnActButBeginsNoOther() async throws {
        let first = try bench.live()
        bench.world.fault("disk-x", .waits)
        let job = try await first.enqueue("toy.build", on: "vm:x")
        let queued = try await first.enqueue("toy.single", "b", on: "vm:x")
        await bench.world.when { $0.gates["disk-x"] != nil }
        let stopping = Task { try await first.stop() }
        await #expect(throws: EnqueueError.draining) {
            while true { _ = try await first.enqueue("toy.single", "z", runAt: .init(milliseconds: .max)) }
        }
        bench.world.open("disk-x")
        try await stopping.value
        #expect(bench.world.acts == ["disk-x"])
        let second = try bench.live()
        #expect(try await second.end(job).state == .succeeded)
        #expect(try await second.end(queued).state == .succeeded)
        #expect(bench.world.acts == ["disk-x", "define-x", "start-x", "thing-b"])
        try await second.stop()
    }

    @Test func aDrainIsOverInTimeWhenAnActIsNot() async throws {
        let first = try bench.live()
        bench.world.fault("disk-x", .waits)
        let job = try await first.enqueue("toy.build", on: "vm:x")
        await bench.world.when { $0.gates["disk-x"] != nil }
        let draining = Task { await first.engine.drain(limit: .seconds(20)) }
        let finished = Task { await draining.value }
        while !bench.clock.hasSleeper(.seconds(20)) { await Task.yield() }
        bench.clock.advance(by: .seconds(20))
        await finished.value
        #expect(first.engine.board[job.id]?.state == .running)
        bench.world.open("disk-x")
        try await first.died()
        let second = try bench.live()
        #expect(try await second.end(job).state == .succeeded)
        #expect(bench.world.acts.filter { $0 == "disk-x" }.count == 1)
        try await second.stopEmpty()
    }

    @Test func aCancelledRunDrains() async throws {
        let database = try bench.open()
        let engine = bench.engine(database)
        let task = Task { try await engine.run() }
        bench.world.fault("disk-x", .waits)
        guard case .made(let job) = try await engine.enqueue(try bench.request("toy.build")) else { return }
        await bench.world.when { $0.gates["disk-x"] != nil }
        task.cancel()
        bench.world.open("disk-x")
        try await task.value
        #expect(engine.board[job.id]?.state == .running)
        await database.close()
        let second = try bench.live()
        #expect(try await second.end(job).state == .succeeded)
        try await second.stopEmpty()
    }

    // MARK: Poison

    private func die(_ times: Int, _ job: Job?, at site: String) async throws -> Job? {
        var job = job
        for _ in 0..<times {
            let life = try bench.live { passed, _ in if passed.description == site { throw SimulatedDeath() } }
            if job == nil { job = try await life.enqueue("toy.build", on: "vm:x") }
            try await life.died()
        }
        return job
    }

    @Test func fiveDeathsWithTheSameStepInHandHoldTheJob() async throws {
        let job = try #require(try await die(5, nil, at: "toy.build/define/after-intent"))
        let life = try bench.live()
        let held = try await life.end(job)
        #expect(held.state == .needsAttention && held.failure?.code == "job.poisoned" && held.attempt == 5)
        #expect(!bench.world.acts.contains("define-x"))
        #expect(try await life.engine.cancel(job.id)?.state == .failed)
        try await life.stopEmpty()
    }

    @Test func aStepThatFinishedBetweenStartsTheCountAnew() async throws {
        let job = try #require(try await die(4, nil, at: "toy.build/disk/after-intent"))
        _ = try await die(4, job, at: "toy.build/define/after-intent")
        let life = try bench.live()
        #expect(try await life.end(job).state == .succeeded)
        try await life.stopEmpty()
    }

    @Test func deathsBetweenStepsAndOfJobsThatWereNotTouchedCountForNothing() async throws {
        let job = try #require(try await die(7, nil, at: "toy.build/define/before-intent"))
        // Six more lives in which nobody comes to run it.
        _ = try await die(1, job, at: "toy.build/define/after-intent")
        for _ in 0..<6 {
            let life = try bench.live(limits: JobLimits(global: 0, reservedForStop: 0))
            _ = try await life.when(job) { $0.attempt > 0 }
            await life.engine.die()
            try await life.died()
        }
        let life = try bench.live()
        #expect(try await life.end(job).state == .succeeded)
        try await life.stopEmpty()
    }

    @Test func cleanStopsAreNoDeaths() async throws {
        var job: Job?
        for turn in 0..<7 {
            let life = try bench.live()
            bench.world.fault("disk-x", .refuses(JobFailure("busy", category: "temporary", detail: "busy", isTransient: true)))
            bench.world.blind("disk-x", .absent, .unreachable("/v1/hosts/h"))
            if turn == 0 { job = try await life.enqueue("toy.build", on: "vm:x") }
            if let job { _ = try await life.when(job) { $0.attempt == turn + 1 } }
            try await life.stop()
            bench.world.change {
                $0.faults = [:]; $0.probes = [:]
            }
        }
        let life = try bench.live()
        #expect(try await life.end(try #require(job)).state != .needsAttention)
        try await life.stop()
    }

    // MARK: Time, limits, lists

    @Test func aJobForLaterHoldsNobodyUp() async throws {
        let life = try bench.live()
        let later = bench.wallClock.withLock { $0 }.advanced(by: .seconds(3600))
        let job = try await life.enqueue("toy.single", "later", on: "vm:x", runAt: later)
        #expect(try await life.when(job) { $0.state == .waiting }.blockedBy == ["time:\(later)"])
        let now = try await life.enqueue("toy.single", "now", on: "vm:x")
        #expect(try await life.end(now).state == .succeeded)
        #expect(life.engine.board[job.id]?.state == .waiting)
        bench.advance(by: .seconds(3601))
        #expect(try await life.end(job).state == .succeeded)
        try await life.stopEmpty()
    }

    @Test func aListKnowsWhoWaits() async throws {
        let life = try bench.live()
        bench.world.fault("thing-a", .waits)
        let done = try await life.end(try await life.enqueue("toy.single", "z"))
        let running = try await life.enqueue("toy.single", "a", on: "vm:x")
        await bench.world.when { $0.gates["thing-a"] != nil }
        let waiting = try await life.enqueue("toy.single", "b", on: "vm:x")
        func list(_ states: [JobState], _ limit: Int = 10, after: JobID? = nil) async throws -> Set<JobID> {
            var filter = JobFilter()
            filter.states = states
            return Set(try await life.engine.list(filter, after: after, limit: limit).map(\.id))
        }
        #expect(try await list([.waiting]) == [waiting.id])
        #expect(try await list([.running]) == [running.id])
        #expect(try await list([.queued]).isEmpty)
        #expect(try await list([.succeeded]) == [done.id])
        #expect(try await list([.waiting, .succeeded]) == [waiting.id, done.id])
        #expect(try await list([]) == [waiting.id, running.id, done.id])
        var seen: [JobID] = []
        while case let page = try await life.engine.list(JobFilter(), after: seen.last, limit: 2), !page.isEmpty { seen += page.map(\.id) }
        #expect(seen == [waiting.id, running.id, done.id].sorted(by: >))
        var filter = JobFilter()
        filter.resources = ["/v1/toys/b"]
        #expect(try await life.engine.list(filter, limit: 10).map(\.id) == [waiting.id])
        #expect(life.engine.counts == [.running: 1, .waiting: 1])
        bench.world.open("thing-a")
        #expect(try await life.end(waiting).state == .succeeded)
        try await life.stopEmpty()
        let ended = bench.ended.withLock { $0 }
        #expect(ended.count == 3 && ended.allSatisfy { $0.state == .succeeded && $0.startedAt != nil && $0.endedAt != nil })
    }

    @Test func endedJobsOfAnEarlierLifeAreReadFromTheDatabase() async throws {
        let first = try bench.live()
        let job = try await first.end(try await first.enqueue("toy.single"))
        try await first.stop()
        let second = try bench.live()
        #expect(try await second.engine.wait(job.id, limit: .seconds(5))?.state == .succeeded)
        #expect(try second.engine.job(job.id)?.result == job.result)
        #expect(try await second.engine.wait(try JobID(at: .now()), limit: .seconds(5)) == nil)
        #expect(try await second.engine.cancel(job.id)?.state == .succeeded)
        try await second.stopEmpty()
    }

    @Test func tooManyUnfinishedJobsAreRefusedButAStopIsNot() async throws {
        let life = try bench.live(limits: JobLimits(unfinished: 2))
        let later = Timestamp(milliseconds: 4_000_000_000_000)
        _ = try await life.enqueue("toy.single", "a", runAt: later)
        let key = IdempotencyKey(scope: "s", key: "k", digest: "d")
        let second = try await life.enqueue("toy.single", "b", key: key, runAt: later)
        await #expect(throws: JobFailure.self) { _ = try await life.enqueue("toy.single", "c") }
        let stop = try await life.end(try await life.enqueue("toy.single", "d", priority: .stop))
        #expect(stop.state == .succeeded)
        // Its place is free a moment after its end is shown.
        while !bench.ended.withLock({ $0.contains { $0.id == stop.id } }) { await Task.yield() }
        _ = try await life.engine.cancel(second.id)
        #expect(try await life.end(try await life.enqueue("toy.single", "c")).state == .succeeded)
        #expect(try await life.enqueue("toy.single", "b", key: key).id == second.id)
        try await life.stop()
    }

    @Test func aLockAskedForTwiceIsTakenOnce() async throws {
        let life = try bench.live()
        let locks = [LockRequest("vm:a", .shared), LockRequest("vm:a", .exclusive), LockRequest("vm:a", .exclusive)]
        let job = try await life.enqueue("toy.single", locks: locks)
        #expect(job.locks == [LockRequest("vm:a", .exclusive)])
        #expect(try await life.end(job).state == .succeeded)
        try await life.stopEmpty()
    }

    @Test func oldJobsAreRemovedByTheWay() async throws {
        let life = try bench.live()
        let job = try await life.end(try await life.enqueue("toy.single"))
        #expect(try await life.engine.purge() == 0)
        bench.wallClock.withLock { $0 = $0.advanced(by: .seconds(31 * 86_400)) }
        while !bench.clock.hasSleeper(.seconds(3600)) { await Task.yield() }
        bench.clock.advance(by: .seconds(3600))
        while try life.store.job(job.id) != nil { await Task.yield() }
        try await life.stopEmpty()
    }

    @Test func aFullDiskStopsEverythingAndLosesNothing() async throws {
        let world = bench.world
        let disk = bench
        let fill = Mutex(true)
        let life = try bench.live { site, _ in
            guard site.description == "toy.build/define/before-intent",
                fill.withLock({ fill in
                    defer { fill = false }; return fill
                })
            else { return }
            disk.isDiskFull.store(true, ordering: .relaxed)
        }
        let job = try await life.enqueue("toy.build", on: "vm:x", reservations: ["vm:x"])
        let stalled = try await life.when(job) { $0.state == .waiting }
        #expect(stalled.blockedBy == ["database"])
        #expect(world.things.keys.sorted() == ["disk-x"] && world.undos.isEmpty)
        await #expect(throws: (any Error).self) { _ = try await life.enqueue("toy.single", "b") }
        bench.isDiskFull.store(false, ordering: .relaxed)
        let end = try await life.end(job)
        #expect(end.state == .succeeded && world.acts == ["disk-x", "define-x", "start-x"])
        try await life.stopEmpty()
    }

    @Test func aKindThatIsGoneIsHeld() async throws {
        let first = try bench.live(runs: false)
        let job = try await first.enqueue("toy.single", on: "vm:x")
        await first.database.close()
        let second = try bench.live(kinds: [bench.world.building])
        let held = try await second.end(job)
        #expect(held.state == .needsAttention && held.failure?.code == "job.kind_unknown")
        #expect(try await second.engine.cancel(job.id)?.state == .failed)
        try await second.stopEmpty()
    }

    @Test func gatesHoldNoSlotsAfterARestartEither() async throws {
        let limits = JobLimits(global: 2, reservedForStop: 0)
        let first = try bench.live(limits: limits)
        var gated: [Job] = []
        for index in 0..<4 { gated.append(try await first.enqueue("toy.gated", "g\(index)", on: "vm:g\(index)")) }
        await bench.world.when { $0.gates.count == 4 }
        try await first.stop()
        bench.world.change { $0.gates = [:] }
        let second = try bench.live(limits: limits)
        await bench.world.when { $0.gates.count == 4 }
        #expect(try await second.end(try await second.enqueue("toy.single", "b", on: "vm:g0")).state == .succeeded)
        for index in 0..<4 { bench.world.open("gate-g\(index)") }
        for job in gated { #expect(try await second.end(job).state == .succeeded) }
        try await second.stopEmpty()
    }

    // MARK: Many

    @Test func aThousandJobsOverAHundredMachines() async throws {
        let life = try bench.live(limits: JobLimits(global: 32, perHost: 12))
        let jobs = try await withThrowingTaskGroup { group in
            for index in 0..<1000 {
                group.addTask {
                    try await life.enqueue(
                        "toy.single", "\(index)",
                        locks: [
                            LockRequest("vm:\(index % 100)", .exclusive), LockRequest("host:h\(index % 4)", .shared),
                            LockRequest("pool:p", index % 97 == 0 ? .exclusive : .shared),
                        ],
                        host: "h\(index % 4)", priority: JobPriority.allCases[index % 4], reservations: ["name:\(index)"])
                }
            }
            return try await group.reduce(into: [Job]()) { $0.append($1) }
        }
        for job in jobs { #expect(try await life.end(job).state == .succeeded) }
        #expect(bench.world.things.count == 1000)
        try await life.stopEmpty()
        #expect(bench.ended.withLock { $0.count } == 1000)
    }

    @Test func aThousandJobsThroughDeathsAndCancels() async throws {
        var jobs: [Job] = []
        let before = try bench.live(runs: false)
        for index in 0..<1000 {
            jobs.append(try await before.enqueue("toy.build", "\(index)", on: "vm:\(index % 100)", host: "h\(index % 3)"))
        }
        await before.database.close()
        var left = 6
        let random = Mutex(SeededRandom(seed: 7))
        while true {
            let deadly = left > 0
            let passes = Mutex(deadly ? random.withLock { Int.random(in: 200...2000, using: &$0) } : .max)
            let life = try bench.live { _, _ in
                if passes.withLock({ passes in
                    passes -= 1; return passes <= 0
                }) {
                    throw SimulatedDeath()
                }
            }
            if deadly {
                let index = random.withLock { Int.random(in: 0..<jobs.count, using: &$0) }
                _ = try? await life.engine.cancel(jobs[index].id)
                try await life.died()
                left -= 1
            } else {
                for job in jobs { #expect(try await life.end(job).state.isTerminal) }
                try await life.stopEmpty()
                break
            }
        }
        let database = try bench.open()
        let store = JobStore(database)
        for (index, job) in jobs.enumerated() {
            let end = try #require(try store.job(job.id))
            let made = ["disk", "define", "start"].filter { bench.world.things["\($0)-\(index)"] != nil }.count
            #expect(end.state == .succeeded && made == 3 || end.state == .cancelled && made == 0, "\(end.state) \(made)")
            #expect(bench.world.most("disk-\(index)") <= 1)
        }
        await database.close()
    }
}

extension ToyBench {
    /// The row of a job while no engine lives.
    func stored(_ job: Job) throws -> Job? { try JobStore(try open()).job(job.id) }
}

extension ToyClock {
    /// Whether someone sleeps that long right now.
    func hasSleeper(_ duration: Duration) -> Bool { heldSleeps.contains(duration) }
}
