internal import JSON
internal import Platform
internal import Synchronization
internal import Telemetry

/// One run of one job from its claim to its end, or to the point where the process lets go of it.
///
/// Per step: intent (committed) → act → observe → outcome (committed). A step whose intent is found without an outcome
/// is looked at before anything is done. Forwards and backwards are in the two extensions.
final class JobAttempt {
    /// The process stops: write nothing more.
    struct LetGo: Error {}

    var job: Job
    let kind: any JobKind
    let engine: JobEngine
    let signal: CancelSignal
    var steps: [JobStep] = []
    var hasReleasedLocks = false
    /// Whether a look has had to wait for its host since this was last reset.
    var hasWaited = false
    private var notes: [JobLogLine] = []
    /// Is committed with the next write: a claim with the first intent, an outcome with the next intent or the end. Whatever is
    /// lost of it with the process shows when the step is looked at again.
    private var unwritten: [JobWrite] = []

    init(job: Job, kind: any JobKind, engine: JobEngine, signal: CancelSignal) {
        self.job = job
        self.kind = kind
        self.engine = engine
        self.signal = signal
    }

    /// Returns when the job has ended, needs attention, or was let go.
    func run() async {
        while await runUntilStall() {}
    }

    /// Answers true if the database refused to record something and takes writes again: the job is as it is on disk.
    private func runUntilStall() async -> Bool {
        do {
            let plan = Result { () throws(JobFailure) in try kind.steps(job.arguments) }
            steps = (try? plan.get()) ?? []
            try await claim()
            if case .failure(let failure) = plan {
                try await endUnplanned(failure)
            } else {
                try await goOn()
            }
        } catch is LetGo {
            note("let go: the daemon is stopping")
            try? await write(.log(job.id, takeNotes()))
            publish()
        } catch is StaleEpoch {
            engine.log.warning("an older attempt stopped: the job was taken over", ["job": job.id.text])
        } catch is SimulatedDeath {
            await engine.die()
        } catch {
            engine.log.error("cannot record a job's progress", ["job": job.id.text, "error": "\(error)"])
            return await stall()
        }
        return false
    }

    private func goOn() async throws {
        await adoptSteps()
        if !job.isUndoing {
            do {
                try await goForward()
            } catch let failure where !Self.endsAttempt(failure) {
                try await turnBack(.from(failure), error: failure)
            }
        }
        if job.isUndoing, !job.state.endsWaits { try await goBack() }
    }

    static func endsAttempt(_ error: any Error) -> Bool {
        error is LetGo || error is StaleEpoch || error is SimulatedDeath || error is JobStoreFailure
    }

    // MARK: Parts of a life

    private func claim() async throws {
        var fence = job
        let shown = engine.board[job.id]?.seq ?? 0
        // Progress is shown without being written, ten times a second at most: a new attempt leaps over what an older
        // process may have shown.
        let leap = job.attempt > 0 ? 1000 + 10 * max(0, (engine.now().milliseconds - job.createdAt.milliseconds) / 1000) : 0
        job.seq = max(job.seq + leap, shown) + 1
        job.epoch += 1
        job.attempt += 1
        job.state = .running
        job.blockedBy = []
        job.startedAt = job.startedAt ?? engine.now()
        fence.seq = job.seq
        let holdsLocks = !job.hasReleasedLocks(steps)
        let claim = JobWrite.claim(fence, newEpoch: job.epoch, holdsLocks: holdsLocks, at: job.startedAt ?? engine.now())
        guard job.attempt > 1 else { return unwritten.append(claim) }
        try await write(claim)
        note("attempt \(job.attempt): taken up again after the daemon had ended or let go")
        publish()
    }

    private func adoptSteps() async {
        job.adopt(steps, isUndoable: kind.isUndoable)
        hasReleasedLocks = job.hasReleasedLocks(steps)
        if hasReleasedLocks { await engine.releaseLocks(job.id) }
        if job.isCancelable { signal.acceptCancels() } else { _ = signal.refuseCancels() }
        if job.attempt > 1 { publish() }
    }

    /// The kind cannot say what its steps are. Without any begun the job ends; else nobody knows how to go on.
    private func endUnplanned(_ failure: JobFailure) async throws {
        if job.steps.allSatisfy({ $0.phase == .pending }) { return try await end(.failed, failure) }
        job.undoCause = job.undoCause ?? failure
        try await needAttention(job.steps.first { $0.phase == .intended }?.name ?? "", failure)
    }

    /// The disk is full or the database gone: shows why the job stands still until writes work. False: the daemon stops.
    private func stall() async -> Bool {
        unwritten = []
        job.state = .waiting
        job.endedAt = nil
        job.blockedBy = ["database"]
        publish()
        while !signal.isDraining {
            do {
                try await pause(.seconds(1))
                try await engine.store.appendLog(job.id, [JobLogLine(at: engine.now(), message: "the database takes writes again")])
                guard let stored = try engine.store.job(job.id) else { return false }
                job = stored
                // The end may have been recorded although the answer was an error.
                if stored.state.endsWaits { publish() }
                return !stored.state.endsWaits
            } catch {
                continue
            }
        }
        return false
    }

    // MARK: Shared by both ways

    func checkCancelled() throws {
        if signal.isCancelRequested, !job.isUndoing { throw JobFailure.cancelled }
    }

    func letGoIfDraining() throws {
        if signal.isDraining { throw LetGo() }
    }

    /// What an error of a step means. A task that was interrupted though nobody cancelled the job did not fail.
    func failure(of error: any Error) throws -> JobFailure {
        guard error is CancellationError, !signal.isCancelRequested || job.isUndoing else { return .from(error) }
        try letGoIfDraining()
        return JobFailure("step.interrupted", category: "temporary", detail: "the step was interrupted", isTransient: true)
    }

    /// What the world says of a step's effect; waits while its host does not answer. Throws for what is not ours.
    func look(_ ord: Int) async throws -> StepObservation {
        var waits = 0
        while true {
            switch try await probe(ord) {
            case .unreachable(let host):
                await show(waitingFor: host)
                try await pause(min(.seconds(2), .milliseconds(100) * (1 << min(waits, 5))))
                waits += 1
                // A job that made nothing yet need not wait for the host to be cancelled.
                if ord == 0, steps[0].stepClass == .pure { try checkCancelled() }
            case .foreign(let what) where !job.isUndoing:
                throw JobFailure("resource.foreign", category: "conflict", detail: what, hints: ["rename or remove what is in the way"])
            case let observation:
                try await showRunning()
                return observation
            }
        }
    }

    private func probe(_ ord: Int) async throws -> StepObservation {
        do {
            return try await steps[ord].probe(context())
        } catch let error where !Self.endsAttempt(error) {
            // Whoever cannot look knows nothing: neither success nor failure.
            let failure = try failure(of: error)
            guard failure.isTransient else { throw failure }
            return .unreachable(job.host.map { "/v1/hosts/\($0)" } ?? "host")
        }
    }

    private func show(waitingFor what: String) async {
        hasWaited = true
        guard job.state != .waiting else { return }
        note("waiting for \(what), which does not answer")
        job.state = .waiting
        job.blockedBy = [what]
        publish()
        // A host that hangs must not keep the slots from jobs on other hosts.
        await engine.freeSlot(job.id)
        // Should the daemon die meanwhile, this job is not to blame.
        try? await engine.store.detach([job.id])
    }

    private func showRunning() async throws {
        guard job.state == .waiting else { return }
        try await write(.attach(job))
        job.state = .running
        job.blockedBy = []
        publish()
    }

    /// Waits; a cancel ends that early, a drain lets go of the job.
    func pause(_ delay: Duration) async throws {
        let clock = engine.clock
        do {
            try await signal.interruptible(onCancel: !signal.isCancelRequested, onDrain: true) { try await clock.sleep(for: delay) }
        } catch is CancellationError {
            try letGoIfDraining()
        }
    }

    // MARK: Writing

    /// Commits `change`, and before it what waits for that. A failure says nothing about the job.
    func write(_ change: JobWrite) async throws {
        let writes = unwritten + [change]
        unwritten = []
        do {
            try await engine.store.commit(writes)
        } catch let error where !(error is StaleEpoch) {
            throw JobStoreFailure(cause: error)
        }
    }

    /// Records what became of a step, and shows it.
    func settle(_ ord: Int, _ phase: StepState.Phase) async throws {
        try await write(outcome(ord, phase))
        publish()
    }

    /// The same for a step that is done, with the next write.
    func settleWithNext(_ ord: Int) { unwritten.append(outcome(ord, .done)) }

    private func outcome(_ ord: Int, _ phase: StepState.Phase) -> JobWrite {
        job.steps[ord].phase = phase
        // Only the board has seen how far it came: what it did in all stays with the job, and goes with what is undone.
        if phase == .done, let shown = engine.board[job.id], shown.steps.indices.contains(ord) {
            job.steps[ord].takeFigures(of: shown.steps[ord])
        } else if phase == .undone {
            job.steps[ord].forgetFigures()
        }
        if phase != .intended { note("step '\(job.steps[ord].name)' \(phase.rawValue)") }
        bump()
        let write = JobWrite.settle(job, ord: ord, log: takeNotes(), at: engine.now())
        job.updateCancelable(steps, isUndoable: kind.isUndoable)
        return write
    }

    func end(_ state: JobState, _ failure: JobFailure?, keepsResult: Bool = false) async throws {
        job.state = state
        job.failure = failure
        if state != .succeeded, !keepsResult { job.result = nil }
        job.endedAt = state.isTerminal ? engine.now() : nil
        job.isCancelable = false
        job.blockedBy = []
        bump()
        try await write(.end(job, log: takeNotes()))
        publish()
        guard let failure, state != .succeeded else {
            return engine.log.info("job ended", ["job": job.id.text, "kind": job.kind, "state": state.rawValue])
        }
        engine.log.info(
            "job ended",
            ["job": job.id.text, "kind": job.kind, "state": state.rawValue, "error": failure.code, "detail": failure.detail])
    }

    func bump() { job.seq = max(job.seq, engine.board[job.id]?.seq ?? 0) + 1 }

    func publish() { job.seq = engine.board.publish(job).seq }

    func note(_ message: String) { notes.append(JobLogLine(at: engine.now(), message: message)) }

    func takeNotes() -> [JobLogLine] {
        defer { notes.removeAll() }
        return notes
    }

    // MARK: For steps

    func context() -> StepContext {
        var observed: [String: JSONValue] = [:]
        for step in job.steps { if let value = step.observed { observed[step.name] = value } }
        let reports = StepReports(job: job, engine: engine)
        return StepContext(
            job: job.id, epoch: job.epoch, attempt: job.attempt, arguments: job.arguments, requestor: job.requestor,
            readSecrets: { [store = engine.store, id = job.id] in try store.secrets(id) }, observed: observed,
            report: { reports.take($0) }, cancelRequested: { [signal] in signal.isCancelRequested },
            cancelsRefused: { [signal] in signal.refuseCancels() })
    }

    func pass(_ point: FailPoint, _ step: JobStep) async throws {
        #if FAIL_POINTS
            if await engine.isDead { throw SimulatedDeath() }
            try await engine.failPoint?(FailPointSite(kind: job.kind, step: step.name, point: point), job.id)
        #endif
    }
}
