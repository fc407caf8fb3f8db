import JSON
import JobQueue
import Platform
import Synchronization
import Testing

/// Cancel in each state; taking over; retry.
@Suite struct EngineCancelTests {
    private let bench: ToyBench
    private let refusal = JobFailure("disk.bad", category: "invalid", detail: "no such disk")

    init() throws { bench = try ToyBench() }

    @Test func aQueuedJobIsCancelledOnTheSpot() async throws {
        let life = try bench.live(limits: JobLimits(global: 1, reservedForStop: 0))
        bench.world.fault("thing-a", .waits)
        let first = try await life.enqueue("toy.single", "a")
        await bench.world.when { $0.gates["thing-a"] != nil }
        let second = try await life.enqueue("toy.single", "b", on: "vm:b", reservations: ["vm:b"])
        #expect(second.state == .queued)
        let cancelled = try #require(try await life.engine.cancel(second.id))
        #expect(cancelled.state == .cancelled && cancelled.attempt == 0)
        #expect(try life.store.job(second.id)?.state == .cancelled)
        #expect(try await life.engine.cancel(second.id)?.state == .cancelled)
        bench.world.open("thing-a")
        #expect(try await life.end(first).state == .succeeded)
        #expect(bench.world.acts == ["thing-a"])
        try await life.stopEmpty()
    }

    @Test func aJobThatWaitsForALockIsCancelledAndTheNextOneGoesOn() async throws {
        let life = try bench.live()
        bench.world.fault("thing-a", .waits)
        let first = try await life.enqueue("toy.single", "a", on: "vm:x")
        await bench.world.when { $0.gates["thing-a"] != nil }
        let second = try await life.enqueue("toy.single", "b", on: "vm:x")
        let third = try await life.enqueue("toy.single", "c", on: "vm:x")
        #expect(second.state == .waiting && second.blockedBy == ["/v1/jobs/\(first.id)"])
        #expect(third.state == .waiting && third.blockedBy == ["/v1/jobs/\(second.id)"])
        #expect(try await life.engine.cancel(second.id)?.state == .cancelled)
        #expect(life.engine.board[third.id]?.blockedBy == ["/v1/jobs/\(first.id)"])
        bench.world.open("thing-a")
        #expect(try await life.end(third).state == .succeeded)
        #expect(Set(bench.world.things.keys) == ["thing-a", "thing-c"])
        try await life.stopEmpty()
    }

    @Test func aRunningActIsInterruptedAndUndone() async throws {
        let life = try bench.live()
        bench.world.fault("define-x", .waits)
        let job = try await life.enqueue("toy.build", on: "vm:x", reservations: ["vm:x"])
        await bench.world.when { $0.gates["define-x"] != nil }
        let answer = try #require(try await life.engine.cancel(job.id))
        #expect(answer.cancelRequested)
        let end = try await life.end(job)
        #expect(end.state == .cancelled && end.failure?.code == "job.cancelled")
        #expect(bench.world.things.isEmpty)
        #expect(bench.world.undos == ["disk-x"])
        try await life.stopEmpty()
    }

    @Test func aStepThatRefusesCancelsEndsThem() async throws {
        let life = try bench.live()
        bench.world.fault("copy-a", .waits)
        bench.world.fault("switch-b", .waits)
        let early = try await life.enqueue("toy.move", "a", on: "vm:a")
        let late = try await life.enqueue("toy.move", "b", on: "vm:b")
        await bench.world.when { $0.gates["copy-a"] != nil && $0.gates["switch-b"] != nil }
        #expect(try await life.engine.cancel(early.id)?.cancelRequested == true)
        #expect(try await life.end(early).state == .cancelled)
        #expect(life.engine.board[late.id]?.isCancelable == false)
        await #expect(throws: JobFailure.self) { try await life.engine.cancel(late.id) }
        bench.world.open("switch-b")
        #expect(try await life.end(late).state == .succeeded)
        #expect(Set(bench.world.things.keys) == ["copy-b", "switch-b", "note-b"])
        try await life.stopEmpty()
    }

    @Test func aCancelAtTheGateUndoesAndAnotherJobUsedTheMachineMeanwhile() async throws {
        let life = try bench.live()
        let gated = try await life.enqueue("toy.gated", "a", on: "vm:x")
        await bench.world.when { $0.gates["gate-a"] != nil }
        // The gate holds no locks: another job on the same machine runs to its end.
        let other = try await life.enqueue("toy.single", "b", on: "vm:x")
        #expect(try await life.end(other).state == .succeeded)
        #expect(life.engine.board[gated.id]?.state == .running)
        _ = try await life.engine.cancel(gated.id)
        #expect(try await life.end(gated).state == .cancelled)
        #expect(bench.world.undos == ["start-a"])
        #expect(Set(bench.world.things.keys) == ["thing-b"])
        try await life.stopEmpty()
    }

    @Test func toUndoAfterAGateTheLocksAreTakenAgain() async throws {
        let life = try bench.live()
        bench.world.fault("thing-b", .waits)
        let gated = try await life.enqueue("toy.gated", "a", on: "vm:x")
        await bench.world.when { $0.gates["gate-a"] != nil }
        let other = try await life.enqueue("toy.single", "b", on: "vm:x")
        await bench.world.when { $0.gates["thing-b"] != nil }
        _ = try await life.engine.cancel(gated.id)
        let waiting = try await life.when(gated) { $0.state == .waiting }
        #expect(waiting.blockedBy == ["/v1/jobs/\(other.id)"])
        #expect(bench.world.undos.isEmpty)
        bench.world.open("thing-b")
        #expect(try await life.end(gated).state == .cancelled)
        #expect(try await life.end(other).state == .succeeded)
        try await life.stopEmpty()
    }

    @Test func aDrainLetsGoOfAJobThatWaitsForItsLocksAgain() async throws {
        let first = try bench.live()
        bench.world.fault("thing-b", .waits)
        let gated = try await first.enqueue("toy.gated", "a", on: "vm:x")
        await bench.world.when { $0.gates["gate-a"] != nil }
        let other = try await first.enqueue("toy.single", "b", on: "vm:x")
        await bench.world.when { $0.gates["thing-b"] != nil }
        _ = try await first.engine.cancel(gated.id)
        _ = try await first.when(gated) { $0.state == .waiting }
        let stopping = Task { try await first.stop() }
        bench.world.open("thing-b")
        try await stopping.value
        #expect(bench.world.undos.isEmpty)
        let second = try bench.live()
        #expect(try await second.end(gated).state == .cancelled)
        #expect(try await second.end(other).state == .succeeded)
        #expect(bench.world.undos == ["start-a"])
        try await second.stopEmpty()
    }

    @Test func pastCancelIsRefusedAndTheJobSucceeds() async throws {
        bench.world.change { $0.things = ["define-x": "s", "disk-x": "s"] }
        let engine = Engines()
        let life = try bench.live { site, id in
            guard site.point == .afterIntent, site.step == "remove-define-x" else { return }
            do {
                _ = try await engine.engine?.cancel(id)
                Issue.record("the cancel was accepted")
            } catch let failure as JobFailure {
                #expect(failure.code == "job.past_cancel")
            }
        }
        engine.engine = life.engine
        let end = try await life.end(try await life.enqueue("toy.remove", on: "vm:x"))
        #expect(end.state == .succeeded && !end.cancelRequested)
        try await life.stopEmpty()
    }

    @Test func aCancelSurvivesADeath() async throws {
        let engine = Engines()
        let first = try bench.live { site, id in
            guard site.step == "define", site.point == .afterAct else { return }
            _ = try await engine.engine?.cancel(id)
            throw SimulatedDeath()
        }
        engine.engine = first.engine
        let job = try await first.enqueue("toy.build", on: "vm:x")
        try await first.died()
        let second = try bench.live()
        #expect(try await second.end(job).state == .cancelled)
        #expect(bench.world.things.isEmpty)
        try await second.stopEmpty()
    }

    @Test func aLastMomentCancelIsKept() async throws {
        let engine = Engines()
        let world = bench.world
        let kind = ToyKind(
            name: "toy.last",
            makeResult: { context in
                _ = try await engine.engine?.cancel(context.job)
                return nil
            }, makeSteps: { _ in [world.making("a", "a")] })
        let life = try bench.live(kinds: [kind])
        engine.engine = life.engine
        #expect(try await life.end(try await life.enqueue("toy.last")).state == .cancelled)
        #expect(world.things.isEmpty)
        try await life.stopEmpty()
    }

    // MARK: Needing attention

    private func makeHeld(_ life: ToyBench.Life) async throws -> Job {
        bench.world.fault("define-x", .refuses(refusal))
        bench.world.fault("undo:disk-x", .refuses(refusal), .refuses(refusal), .refuses(refusal))
        let end = try await life.end(try await life.enqueue("toy.build", on: "vm:x", reservations: ["vm:x"]))
        #expect(end.state == .needsAttention)
        return end
    }

    @Test func aJobThatNeedsAttentionKeepsItsLocksAlsoOverARestart() async throws {
        let first = try bench.live()
        let held = try await makeHeld(first)
        let behind = try await first.enqueue("toy.single", "b", on: "vm:x")
        #expect(behind.state == .waiting && behind.blockedBy == ["/v1/jobs/\(held.id)"])
        try await first.stop()
        let second = try bench.live()
        _ = try await second.enqueue("toy.single", "c", on: "vm:c")
        #expect(try await second.when(behind) { $0.state == .waiting }.blockedBy == ["/v1/jobs/\(held.id)"])
        #expect(try second.engine.job(held.id)?.state == .needsAttention)
        #expect(try await second.engine.cancel(held.id)?.state == .failed)
        #expect(try await second.end(behind).state == .succeeded)
        try await second.stop()
    }

    @Test func aRemovalTakesOver() async throws {
        let life = try bench.live()
        let held = try await makeHeld(life)
        let removal = try await life.enqueue("toy.remove", on: "vm:x")
        #expect(try await life.end(removal).state == .succeeded)
        let ended = try #require(try life.store.job(held.id))
        #expect(ended.state == .failed && ended.failure?.code == "job.superseded")
        #expect(bench.world.things.isEmpty)
        try await life.stopEmpty()
    }

    /// What nobody asked for leaves alone what somebody has to look at.
    @Test func aRemovalByItselfWaits() async throws {
        let life = try bench.live()
        let held = try await makeHeld(life)
        var request = try bench.request("toy.remove", on: "vm:x")
        request.requestor = Requestor(kind: "system", name: "expiry")
        guard case .made(let removal) = try await life.engine.enqueue(request) else {
            Issue.record("not made")
            return
        }
        #expect(removal.state == .waiting && removal.blockedBy == ["/v1/jobs/\(held.id)"])
        #expect(try life.store.job(held.id)?.state == .needsAttention)
        let asked = try await life.enqueue("toy.remove", on: "vm:x")
        #expect(try await life.end(asked).state == .succeeded)
        #expect(try await life.end(removal).state == .succeeded)
        try await life.stopEmpty()
    }

    @Test func aRemovalThatWaitsAlreadyTakesOverToo() async throws {
        let life = try bench.live()
        bench.world.fault("define-x", .waits)
        bench.world.fault("undo:disk-x", .refuses(refusal), .refuses(refusal), .refuses(refusal))
        let held = try await life.enqueue("toy.build", on: "vm:x")
        await bench.world.when { $0.gates["define-x"] != nil }
        let between = try await life.enqueue("toy.single", "b", on: "vm:x")
        let removal = try await life.enqueue("toy.remove", on: "vm:x")
        _ = try await life.engine.cancel(held.id)
        #expect(try await life.end(removal).state == .succeeded)
        #expect(try await life.end(between).state == .succeeded)
        #expect(try life.store.job(held.id)?.failure?.code == "job.superseded")
        try await life.stopEmpty()
    }

    @Test func aRetryEndsWhatItRetriesInTheSameTransaction() async throws {
        let life = try bench.live()
        let held = try await makeHeld(life)
        bench.world.change { $0.things = [:] }
        // The same name is reserved by the held job: it must go over to the retry.
        let request = try bench.request("toy.build", on: "vm:x", reservations: ["vm:x"])
        guard case .made(let retry) = try await life.engine.retry(held.id, as: request) else {
            Issue.record("not made")
            return
        }
        #expect(retry.retryOf == held.id)
        #expect(try await life.end(retry).state == .succeeded)
        #expect(try life.store.job(held.id)?.failure?.code == "job.superseded")
        #expect(try life.store.job(retry.id)?.retryOf == held.id)
        await #expect(throws: JobFailure.self) { _ = try await life.engine.retry(try JobID(at: .now()), as: request) }
        try await life.stopEmpty()
    }
}

/// Lets a fail point reach the engine it belongs to, which holds it.
final class Engines: Sendable {
    private struct Box {
        weak var engine: JobEngine?
    }
    private let box = Mutex(Box())
    var engine: JobEngine? {
        get { box.withLock { $0.engine } }
        set { box.withLock { $0.engine = newValue } }
    }
}
