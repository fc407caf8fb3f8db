import JSON
import JobQueue
import Platform
import SQLite
import Testing

@Suite struct JobStoreTests {
    private let bench: ToyBench
    private let store: JobStore
    private let time = Timestamp(milliseconds: 1_800_000_000_000)

    init() throws {
        bench = try ToyBench()
        store = JobStore(try bench.open())
    }

    private func enqueue(_ request: JobRequest) async throws -> Job {
        guard case .made(let job) = try await store.enqueue(request, at: time) else { throw EnqueueError.draining }
        return job
    }

    @Test func aStaleEpochChangesNothing() async throws {
        let old = try await enqueue(try bench.request("toy.build", on: "vm:a", reservations: ["vm:a"]))
        try await store.commit([.claim(old, newEpoch: 1, holdsLocks: true, at: time)])
        var current = old
        current.epoch = 1
        current.steps = [StepState(name: "disk")]
        let step = bench.world.making("disk", "disk-x")
        try await store.commit([.intend(current, ord: 0, step: step, releasesLocks: false, log: [], at: time)])
        let before = try store.job(old.id)

        await #expect(throws: StaleEpoch.self) { try await store.commit([.claim(old, newEpoch: 7, holdsLocks: true, at: time)]) }
        var stale = old
        stale.steps = [StepState(name: "disk")]
        stale.steps[0].phase = .done
        await #expect(throws: StaleEpoch.self) {
            try await store.commit([
                .intend(stale, ord: 0, step: step, releasesLocks: true, log: [JobLogLine(at: time, message: "x")], at: time)
            ])
        }
        await #expect(throws: StaleEpoch.self) { try await store.commit([.settle(stale, ord: 0, log: [], at: time)]) }
        await #expect(throws: StaleEpoch.self) { try await store.commit([.beginUndo(stale, cause: .cancelled, log: [])]) }
        await #expect(throws: StaleEpoch.self) { try await store.commit([.attach(stale)]) }
        stale.state = .succeeded
        stale.endedAt = time
        await #expect(throws: StaleEpoch.self) { try await store.end(stale, log: []) }
        await #expect(throws: StaleEpoch.self) {
            _ = try await store.enqueue(try bench.request("toy.build"), superseded: stale, at: time)
        }
        #expect(try store.job(old.id) == before)
        let (locks, reservations) = try store.leftovers()
        #expect(locks == 1 && reservations == 1)
        #expect(try await store.log(old.id, after: 0, limit: 10).isEmpty)
        #expect(try store.unfinished().count == 1)
    }

    @Test func anEndedJobIsNotEndedAgain() async throws {
        var job = try await enqueue(try bench.request("toy.build"))
        job.state = .cancelled
        job.endedAt = time
        try await store.end(job, log: [])
        job.state = .failed
        let again = job
        await #expect(throws: StaleEpoch.self) { try await store.end(again, log: []) }
        #expect(try store.job(job.id)?.state == .cancelled)
    }

    @Test func theSameKeyGivesTheSameJob() async throws {
        let key = IdempotencyKey(scope: "root", key: "k1", digest: "d1")
        let first = try await enqueue(try bench.request("toy.build", key: key))
        guard case .replayed(let second) = try await store.enqueue(try bench.request("toy.build", key: key), at: time) else {
            Issue.record("made twice")
            return
        }
        #expect(second.id == first.id)
        #expect(try store.job(key: key)?.id == first.id)
        let other = IdempotencyKey(scope: "root", key: "k1", digest: "d2")
        await #expect(throws: EnqueueError.keyReused(job: first.id)) {
            _ = try await store.enqueue(try bench.request("toy.build", key: other), at: time)
        }
        // Another caller's key of the same name is another key.
        let foreign = IdempotencyKey(scope: "eve", key: "k1", digest: "d2")
        #expect(try await enqueue(try bench.request("toy.build", key: foreign)).id != first.id)
        #expect(try store.unfinished().count == 2)
    }

    @Test func aReservedNameIsRefusedUntilTheJobHasEnded() async throws {
        var first = try await enqueue(try bench.request("toy.build", reservations: ["vm:web1", "vm:web2", "vm:web1"]))
        await #expect(throws: EnqueueError.reserved(name: "vm:web2", by: first.id.text)) {
            _ = try await store.enqueue(try bench.request("toy.build", reservations: ["vm:a", "vm:web2"]), at: time)
        }
        #expect(try store.reservation("vm:a") == nil)
        #expect(try store.unfinished().count == 1)
        first.state = .failed
        first.endedAt = time
        first.failure = JobFailure("x", category: "internal", detail: "x")
        try await store.end(first, log: [])
        let second = try await enqueue(try bench.request("toy.build", reservations: ["vm:web2"]))
        #expect(try store.reservation("vm:web2") == second.id)
    }

    @Test func aJobComesBackAsItWasWritten() async throws {
        var request = try bench.request(
            "toy.build", "web", locks: [LockRequest("pool:a", .shared), LockRequest("vm:a", .exclusive)], host: "h1", priority: .bulk,
            key: IdempotencyKey(scope: "s", key: "k", digest: "d"), runAt: time)
        request.reason = "because"
        request.retryOf = try JobID(at: time)
        let made = try await enqueue(request)
        #expect(try store.job(made.id) == made)
        #expect(made.arguments["name"]?.stringValue == "web")
    }

    @Test func oldJobsAreRemovedByTheirEnd() async throws {
        var ids: [JobID] = []
        for (state, age) in [(JobState.succeeded, 40), (.failed, 40), (.failed, 100), (.cancelled, 31), (.succeeded, 1)] {
            var job = try await enqueue(try bench.request("toy.build", reservations: []))
            job.state = state
            job.endedAt = time.advanced(by: .seconds(-age * 86_400))
            try await store.end(job, log: [JobLogLine(at: time, message: "x")])
            ids.append(job.id)
        }
        let unfinished = try await enqueue(try bench.request("toy.build"))
        let count = try await store.purge(
            succeededBefore: time.advanced(by: .seconds(-30 * 86_400)), failedBefore: time.advanced(by: .seconds(-90 * 86_400)))
        #expect(count == 3)
        #expect(try ids.map { try store.job($0) == nil } == [true, false, true, true, false])
        #expect(try store.job(unfinished.id) != nil)
        #expect(try await store.log(ids[0], after: 0, limit: 10).isEmpty)
    }

    /// Enqueue; claim and intent; outcome and intent; outcome and end. What cannot be repeated has its outcome written at once.
    @Test(arguments: [("toy.remove", 2), ("toy.single", 1)]) func aJobTakesFourCommits(_ kind: String, steps: Int) async throws {
        let life = try bench.live()
        let before = life.database.commitCounts.commits
        let job = try await life.enqueue(kind, on: "vm:x")
        #expect(try await life.end(job).state == .succeeded)
        #expect(life.database.commitCounts.commits - before == 4)
        #expect(try life.store.job(job.id)?.steps.map(\.phase) == Array(repeating: .done, count: steps))
        try await life.stopEmpty()
    }

    @Test func manyEnqueuesShareCommits() async throws {
        let before = store.database.commitCounts
        try await withThrowingTaskGroup { group in
            for index in 0..<500 {
                let request = try bench.request("toy.build", "n\(index)")
                group.addTask { _ = try await store.enqueue(request, at: time) }
            }
            try await group.waitForAll()
        }
        let after = store.database.commitCounts
        #expect(after.writes - before.writes == 500)
        #expect(after.commits - before.commits < 250)
        #expect(try store.unfinished().count == 500)
    }
}
