import JSON
import JobQueue
import Platform
import Synchronization
import Testing

/// One job on its way: intent → act → observe → outcome, retries, lies, undoing.
@Suite struct EngineOrderTests {
    private let bench: ToyBench

    init() throws { bench = try ToyBench() }

    private func transient(_ text: String = "busy") -> JobFailure {
        JobFailure("host.busy", category: "temporary", detail: text, isTransient: true)
    }
    private let refusal = JobFailure("disk.bad", category: "invalid", detail: "no such disk")

    @Test func intentIsOnDiskBeforeTheActAndTheOutcomeAfterTheLook() async throws {
        let seen = Mutex<[String]>([])
        let store = Mutex<JobStore?>(nil)
        let world = bench.world
        let kind = ToyKind(name: "toy.order") { _ in
            [
                JobStep(
                    "only", .probeable,
                    probe: { context in
                        let phase = try store.withLock { try $0?.job(context.job)?.steps.first?.phase.rawValue }
                        seen.withLock { $0.append("look:\(phase ?? "-")") }
                        return world.look("thing", context.job.text)
                    },
                    act: { context in
                        let phase = try store.withLock { try $0?.job(context.job)?.steps.first?.phase.rawValue }
                        seen.withLock { $0.append("act:\(phase ?? "-")") }
                        try await world.make("thing", context.job.text)
                    })
            ]
        }
        let life = try bench.live(kinds: [kind]) { site, _ in seen.withLock { $0.append(site.point.rawValue) } }
        store.withLock { $0 = life.store }
        let end = try await life.end(try await life.enqueue("toy.order"))
        #expect(end.state == .succeeded)
        #expect(end.result?["made"]?.stringValue == end.id.text)
        #expect(
            seen.withLock { $0 } == ["before-intent", "after-intent", "act:running", "after-act", "look:running", "after-outcome"])
        #expect(try life.store.job(end.id)?.steps.first?.phase == .done)
        #expect(try life.store.job(end.id)?.steps.first?.observed == .string(end.id.text))
        // The row says what everyone was shown.
        #expect(try life.store.job(end.id)?.seq == end.seq)
        try await life.stopEmpty()
    }

    @Test func aTransientErrorIsTriedAgainWithGrowingDelays() async throws {
        bench.world.fault("disk-x", .refuses(transient()), .refuses(transient()))
        let life = try bench.live()
        let end = try await life.end(try await life.enqueue("toy.build"))
        #expect(end.state == .succeeded)
        #expect(end.steps[0].failures == 2)
        #expect(bench.world.acts.filter { $0 == "disk-x" }.count == 3)
        let slept = bench.clock.slept
        #expect(slept.count == 2 && slept[0] <= .seconds(2) && slept[1] <= .seconds(4))
        try await life.stopEmpty()
    }

    @Test func aMutatingStepIsTriedThreeTimesAtMost() async throws {
        bench.world.fault("disk-x", .refuses(transient()), .refuses(transient()), .refuses(transient("still busy")))
        let life = try bench.live()
        let end = try await life.end(try await life.enqueue("toy.build"))
        #expect(end.state == .failed && end.failure?.detail == "still busy")
        #expect(bench.world.acts == ["disk-x", "disk-x", "disk-x"])
        #expect(bench.world.things.isEmpty)
        try await life.stopEmpty()
    }

    @Test func delaysDoubleUpToTheCap() {
        let policy = RetryPolicy(base: .seconds(2), cap: .seconds(300))
        #expect((1...10).map { policy.delay(failures: $0, random: 1) } == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300].map { .seconds($0) })
        #expect(policy.delay(failures: 1_000_000, random: 0.5) == .seconds(150))
    }

    @Test func anErrorWithTheEffectThereIsSuccess() async throws {
        bench.world.fault("define-x", .lies(JobFailure("host.lost", category: "temporary", detail: "connection lost", isUncertain: true)))
        let life = try bench.live()
        let end = try await life.end(try await life.enqueue("toy.build"))
        #expect(end.state == .succeeded)
        #expect(bench.world.acts == ["disk-x", "define-x", "start-x"])
        let log = try await life.store.log(end.id, after: 0, limit: 100).map(\.message)
        #expect(log.contains { $0.contains("its effect is there all the same") })
        try await life.stopEmpty()
    }

    @Test func successWithoutTheEffectIsNotSuccess() async throws {
        bench.world.fault("disk-x", .doesNothing, .doesNothing, .doesNothing)
        let life = try bench.live()
        let end = try await life.end(try await life.enqueue("toy.build"))
        #expect(end.state == .failed && end.failure?.code == "step.not_observed")
        try await life.stopEmpty()
    }

    @Test func aStepThatTheWorldIsStillAtIsWaitedForNotRepeated() async throws {
        bench.world.fault("disk-x", .lies(transient("timed out")))
        bench.world.blind("disk-x", .running, .running, .running)
        let life = try bench.live()
        let end = try await life.end(try await life.enqueue("toy.build"))
        #expect(end.state == .succeeded && end.steps[0].failures == 0)
        #expect(bench.world.acts == ["disk-x", "define-x", "start-x"])
        try await life.stopEmpty()
    }

    @Test func undoGoesBackwards() async throws {
        let world = bench.world
        let kind = ToyKind(name: "toy.three") { name in ["a", "b", "c"].map { world.making($0, $0) } }
        world.fault("c", .refuses(refusal))
        let life = try bench.live(kinds: [kind])
        let end = try await life.end(try await life.enqueue("toy.three"))
        #expect(end.state == .failed && end.failure?.code == "disk.bad" && end.result == nil)
        #expect(world.undos == ["b", "a"])
        #expect(world.things.isEmpty)
        #expect(end.steps.map(\.phase) == [.undone, .undone, .undone])
        try await life.stopEmpty()
    }

    @Test func pastThePointOfNoReturnAFailureLeavesWhatWasMade() async throws {
        bench.world.fault("start-x", .refuses(refusal))
        let life = try bench.live()
        let end = try await life.end(try await life.enqueue("toy.build"))
        #expect(end.state == .failed && end.failure?.code == "disk.bad")
        #expect(bench.world.undos.isEmpty)
        #expect(Set(bench.world.things.keys) == ["disk-x", "define-x"])
        try await life.stopEmpty()
    }

    @Test func whatIsForeignIsNeverTouched() async throws {
        bench.world.change { $0.things["define-x"] = "someone" }
        let life = try bench.live()
        let end = try await life.end(try await life.enqueue("toy.build"))
        #expect(end.state == .failed && end.failure?.code == "resource.foreign")
        #expect(bench.world.things == ["define-x": "someone"])
        #expect(!bench.world.undos.contains("define-x"))
        try await life.stopEmpty()
    }

    @Test func whatTheActCallsForeignIsNeitherTakenForTheEffectNorUndone() async throws {
        let world = bench.world
        // A name without a mark: by looking alone it cannot be told from ours.
        world.change { $0.things["name"] = "someone" }
        let kind = ToyKind(name: "toy.unmarked") { _ in
            [
                world.making("a", "a"),
                JobStep(
                    "named", .probeable, probe: { _ in world.things["name"] == nil ? .absent : .done(nil) },
                    act: { _ in
                        var failure = JobFailure("volume.exists", category: "conflict", detail: "it is there")
                        failure.isForeign = true
                        throw failure
                    }, undo: { _ in world.change { $0.things["name"] = nil } }),
            ]
        }
        let life = try bench.live(kinds: [kind])
        let end = try await life.end(try await life.enqueue("toy.unmarked"))
        #expect(end.state == .failed && end.failure?.code == "volume.exists")
        #expect(world.things == ["name": "someone"])
        try await life.stopEmpty()
    }

    @Test func whatTurnsForeignIsLeftAlone() async throws {
        let world = bench.world
        let life = try bench.live { site, _ in
            guard site.step == "define", site.point == .afterIntent else { return }
            world.change { $0.things["disk-x"] = "someone" }
            throw JobFailure("x", category: "internal", detail: "stop")
        }
        let end = try await life.end(try await life.enqueue("toy.build"))
        #expect(end.state == .failed)
        #expect(world.things == ["disk-x": "someone"])
        #expect(world.undos.isEmpty)
        try await life.stopEmpty()
    }

    @Test func anUnreachableHostIsWaitedFor() async throws {
        bench.world.blind("disk-x", .unreachable("/v1/hosts/h1"), .unreachable("/v1/hosts/h1"))
        let life = try bench.live()
        let job = try await life.enqueue("toy.build", host: "h1")
        let end = try await life.end(job)
        #expect(end.state == .succeeded && end.blockedBy.isEmpty)
        let log = try await life.store.log(end.id, after: 0, limit: 100).map(\.message)
        #expect(log.contains("waiting for /v1/hosts/h1, which does not answer"))
        try await life.stopEmpty()
    }

    /// Waiting for the host was pause enough, unless it goes away again.
    @Test func aStepGoesOnAsSoonAsItsHostIsBack() async throws {
        let gone = JobFailure("host.offline", category: "temporary", detail: "not connected", isTransient: true)
        bench.world.fault("disk-x", .refuses(gone))
        bench.world.blind("disk-x", .unreachable("/v1/hosts/h1"), .absent, .absent)
        let life = try bench.live()
        #expect(try await life.end(try await life.enqueue("toy.build", host: "h1")).state == .succeeded)
        #expect(bench.clock.slept == [.milliseconds(100)])
        bench.world.fault("disk-y", .refuses(gone), .refuses(gone))
        let away = StepObservation.unreachable("/v1/hosts/h1")
        bench.world.blind("disk-y", away, .absent, .absent, away, .absent, .absent)
        #expect(try await life.end(try await life.enqueue("toy.build", "y", host: "h1")).state == .succeeded)
        #expect(bench.clock.slept.count == 4 && bench.world.acts.filter { $0 == "disk-y" }.count == 3)
        try await life.stopEmpty()
    }

    @Test func anUnreachableHostIsShown() async throws {
        let clock = ToyClock { _ in true }
        let bench = try ToyBench(clock: clock)
        bench.world.blind("disk-x", .unreachable("/v1/hosts/h1"))
        let life = try bench.live()
        let job = try await life.enqueue("toy.build", host: "h1")
        let shown = try await life.when(job) { $0.state == .waiting }
        #expect(shown.blockedBy == ["/v1/hosts/h1"])
        let waiting = Task { try await life.end(job) }
        // The pause may begin a moment after it is shown.
        while life.engine.board[job.id]?.state == .waiting {
            clock.advance(by: .seconds(5))
            await Task.yield()
        }
        #expect(try await waiting.value.state == .succeeded)
        let stopping = Task { try await life.stopEmpty() }
        try await stopping.value
    }

    @Test func aProbeThatFailsWhileUndoingEndsInAttentionNotInALoop() async throws {
        let world = bench.world
        let kind = ToyKind(name: "toy.blind") { _ in
            [
                JobStep(
                    "a", .probeable,
                    probe: { context in
                        if !world.undos.isEmpty || world.things["broken"] != nil {
                            throw JobFailure("x", category: "internal", detail: "cannot look")
                        }
                        return world.look("a", context.job.text)
                    }, act: { try await world.make("a", $0.job.text) }, undo: { try await world.remove("a", $0.job.text) }),
                world.making("b", "b"),
            ]
        }
        let life = try bench.live(kinds: [kind]) { site, _ in
            guard site.step == "b", site.point == .afterIntent else { return }
            world.change { $0.things["broken"] = "yes" }
            throw JobFailure("y", category: "internal", detail: "stop")
        }
        let end = try await life.end(try await life.enqueue("toy.blind", on: "vm:x"))
        #expect(end.state == .needsAttention && end.failure?.code == "job.undo_failed" && end.isCancelable)
        #expect(try life.store.leftovers().locks == 1)
        // A cancel ends it.
        #expect(try await life.engine.cancel(end.id)?.state == .failed)
        try await life.stopEmpty()
    }

    @Test func anUndoThatHasNoEffectIsNotRepeatedForEver() async throws {
        bench.world.fault("define-x", .refuses(refusal))
        bench.world.fault("undo:disk-x", .doesNothing, .doesNothing, .doesNothing)
        let life = try bench.live()
        let end = try await life.end(try await life.enqueue("toy.build"))
        #expect(end.state == .needsAttention)
        #expect(bench.world.undos == ["disk-x", "disk-x", "disk-x"])
        _ = try await life.engine.cancel(end.id)
        try await life.stopEmpty()
    }
}
