internal import Platform
internal import Telemetry

extension JobAttempt {
    /// Decides whether a failure undoes what was done, and writes that down before the first thing is undone.
    func turnBack(_ failure: JobFailure, error: any Error) async throws {
        if failure.code == "internal" { engine.log.error("a job step failed", ["job": job.id.text, "error": "\(error)"]) }
        // A cancel that was accepted is kept, also if something failed at the same time.
        let cause = signal.refuseCancels() ? failure : JobFailure.cancelled
        let isCancel = cause.code == JobFailure.cancelled.code
        let passed = zip(steps, job.steps).contains { $0.isPointOfNoReturn && $1.phase == .done }
        if !kind.isUndoable || passed && !isCancel || job.steps.allSatisfy({ $0.phase == .pending }) {
            if isCancel, !kind.isUndoable { try await endTheRest() }
            return try await end(isCancel ? .cancelled : .failed, cause)
        }
        note("undoing: \(cause.detail)")
        if hasReleasedLocks {
            guard await engine.reacquireLocks(job) else { throw LetGo() }
            hasReleasedLocks = false
        }
        job.isUndoing = true
        job.undoCause = cause
        job.isCancelable = false
        job.state = .running
        job.blockedBy = []
        bump()
        try await write(.beginUndo(job, cause: cause, log: takeNotes()))
        publish()
    }

    private func endTheRest() async throws {
        let (kind, context) = (kind, context())
        do {
            try await signal.interruptible(onCancel: false, onDrain: true) { try await kind.cancelled(context) }
        } catch {
            try letGoIfDraining()
            note("not all that goes on without this job could be ended: \(JobFailure.from(error).detail)")
        }
        try letGoIfDraining()
    }

    /// Undoes the steps from the last to the first, then ends the job.
    func goBack() async throws {
        for ord in steps.indices.reversed() where job.steps[ord].phase == .intended || job.steps[ord].phase == .done {
            try await undo(ord)
            guard job.state != .needsAttention else { return }
        }
        let cause = job.undoCause ?? .cancelled
        try await end(cause.code == JobFailure.cancelled.code ? .cancelled : .failed, cause)
    }

    private func undo(_ ord: Int) async throws {
        let step = steps[ord]
        guard let undo = step.undo else { return try await settle(ord, .undone) }
        var failures = 0
        while true {
            try letGoIfDraining()
            var failure = JobFailure(
                "step.not_undone", category: "internal", detail: "undoing '\(step.name)' reported success, but its effect is still there")
            do {
                if try await isGone(ord) { return try await settle(ord, .undone) }
                let context = context()
                try await signal.interruptible(onCancel: false, onDrain: false) { try await undo(context) }
                if try await isGone(ord) { return try await settle(ord, .undone) }
            } catch let error where !Self.endsAttempt(error) {
                failure = try self.failure(of: error)
            }
            failures += 1
            note("undoing '\(step.name)' failed: \(failure.detail)")
            if !failure.isTransient, failures >= 3 { return try await needAttention(step.name, failure) }
            try await pause(engine.retry.delay(failures: failures))
        }
    }

    private func isGone(_ ord: Int) async throws -> Bool {
        switch try await look(ord) {
        case .absent: return true
        case .foreign(let what):
            note("left alone: \(what)")
            return true
        case .done, .partial, .running, .unreachable: return false
        }
    }

    func needAttention(_ step: String, _ failure: JobFailure) async throws {
        job.failure = JobFailure(
            "job.undo_failed", category: "attention",
            detail: "what step '\(step)' made could not be taken away again: \(failure.detail); the job was undone because: "
                + (job.undoCause?.detail ?? ""),
            hints: ["remove what is left by hand, then cancel this job to end it"], native: failure.native)
        job.state = .needsAttention
        job.blockedBy = []
        job.isCancelable = true
        bump()
        try await write(.end(job, log: takeNotes()))
        signal.acceptCancels()
        publish()
    }
}
