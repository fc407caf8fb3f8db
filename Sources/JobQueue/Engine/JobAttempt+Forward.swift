internal import JSON
internal import Platform

extension JobAttempt {
    func goForward() async throws {
        for ord in steps.indices where job.steps[ord].phase != .done {
            let step = steps[ord]
            try await pass(.beforeIntent, step)
            try checkCancelled()
            try letGoIfDraining()
            let isKnown = job.steps[ord].phase == .intended
            if !isKnown { try await intend(ord) }
            try await perform(ord, mustLook: isKnown)
            // What was in hand at a death must not be so at the next one; and what cannot be repeated is worth a commit of its own.
            if isKnown || step.stepClass == .probeable { try await settle(ord, .done) } else { settleWithNext(ord) }
            try await pass(.afterOutcome, step)
        }
        job.result = try await result()
        guard signal.refuseCancels() else { throw JobFailure.cancelled }
        let failure = kind.failure(of: job.result)
        try await end(failure == nil ? .succeeded : .failed, failure, keepsResult: true)
    }

    private func intend(_ ord: Int) async throws {
        let step = steps[ord]
        let isPast = steps.prefix(through: ord).contains(where: \.refusesCancel)
        if kind.isUndoable && !isPast || step.releasesLocks {
            signal.acceptCancels()
        } else if !signal.refuseCancels() {
            throw JobFailure.cancelled
        }
        let releases = step.releasesLocks && !hasReleasedLocks
        job.steps[ord].phase = .intended
        job.steps[ord].epoch = job.epoch
        bump()
        try await write(.intend(job, ord: ord, step: step, releasesLocks: releases, log: takeNotes(), at: engine.now()))
        if releases {
            hasReleasedLocks = true
            await engine.releaseLocks(job.id)
        }
        job.updateCancelable(steps, isUndoable: kind.isUndoable)
        publish()
    }

    /// Makes the step's effect be there, looking first if an earlier attempt may have begun it.
    private func perform(_ ord: Int, mustLook: Bool) async throws {
        let step = steps[ord]
        var mustLook = mustLook
        while true {
            if mustLook, try await isThere(ord) {
                note("step '\(step.name)' had been begun; its effect is there")
                return
            }
            try checkCancelled()
            try letGoIfDraining()
            hasWaited = false
            guard let failure = try await actAndLook(ord) else { return }
            try checkCancelled()
            if step.stepClass == .pure { try letGoIfDraining() }
            job.steps[ord].failures += 1
            guard failure.isTransient, job.steps[ord].failures < step.transientLimit else { throw failure }
            note("step '\(step.name)' failed for now (\(failure.detail)); trying again")
            try await settle(ord, .intended)
            // A host that was away and is back was waited for already. One that comes and goes gets the pause as well.
            if !hasWaited || job.steps[ord].failures > 1 { try await pause(engine.retry.delay(failures: job.steps[ord].failures)) }
            mustLook = true
        }
    }

    /// Acts once. nil if the effect is there then, whatever the act said; else what went wrong.
    private func actAndLook(_ ord: Int) async throws -> JobFailure? {
        let step = steps[ord]
        var failure = JobFailure(
            "step.not_observed", category: "internal", detail: "step '\(step.name)' reported success, but its effect is not there",
            isTransient: true)
        var hasFailed = false
        do {
            try await pass(.afterIntent, step)
            let context = context()
            try await signal.interruptible(onCancel: job.isCancelable, onDrain: step.stepClass == .pure) { try await step.act(context) }
            try await pass(.afterAct, step)
        } catch let error where !Self.endsAttempt(error) {
            failure = try self.failure(of: error)
            if failure.isForeign {
                // What is there is another's, however much it looks like ours: it is neither taken for the effect nor undone.
                note("left alone: \(failure.detail)")
                try await settle(ord, .undone)
                throw failure
            }
            hasFailed = true
        }
        // Return codes are hints: look before saying what happened.
        guard try await isThere(ord) else { return failure }
        if hasFailed { note("step '\(step.name)' reported: \(failure.detail); its effect is there all the same") }
        return nil
    }

    /// Whether the step's effect is there; waits while the world is still at it by itself.
    private func isThere(_ ord: Int) async throws -> Bool {
        while true {
            switch try await look(ord) {
            case .done(let value):
                job.steps[ord].observed = value ?? job.steps[ord].observed
                return true
            case .running:
                try checkCancelled()
                try await pause(.seconds(1))
            case .absent, .partial, .foreign, .unreachable:
                return false
            }
        }
    }

    /// The job's result; making it is tried again like a step that only looks.
    private func result() async throws -> JSONValue? {
        var failures = 0
        while true {
            do {
                return try await kind.result(context())
            } catch {
                let failure = try failure(of: error)
                failures += 1
                guard failure.isTransient, failures < 10 else { throw failure }
                try await pause(engine.retry.delay(failures: failures))
                try checkCancelled()
            }
        }
    }
}
