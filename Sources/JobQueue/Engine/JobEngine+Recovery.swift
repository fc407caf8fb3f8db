internal import Platform
internal import Telemetry

extension JobEngine {
    /// Takes up what an earlier process left: who held locks holds them again before anyone else may ask.
    func recover() async throws {
        let unfinished = try store.unfinished()
        let holders = unfinished.filter { $0.state != .queued }
        for job in unfinished { adopt(job) }
        board.isLoaded = true
        for job in holders {
            locks.request(job.id, (board[job.id] ?? job).hasReleasedLocks(declaredSteps(job)) ? [] : job.locks)
            locks.grant(job.id)
        }
        try await holdUnknown(unfinished)
        try await holdPoisoned(holders)
        for job in holders {
            if let job = board[job.id], !job.state.endsWaits { slots.enqueue(job) }
        }
        isRecovered = true
        for job in unfinished where job.state == .queued { consider(job.id) }
        // Whoever was enqueued while this function waited.
        for job in board.active where job.state == .queued { consider(job.id) }
        dispatch()
        for job in board.active where job.state.endsWaits { await letBeTakenOver(job) }
    }

    /// Registers a job that this process did not enqueue itself.
    private func adopt(_ job: Job) {
        guard board[job.id] == nil else { return }
        var job = job
        if let kind = kinds[job.kind] { job.adopt(declaredSteps(job), isUndoable: kind.isUndoable) }
        if job.state == .needsAttention { job.isCancelable = true }
        let signal = signals[job.id] ?? CancelSignal()
        if job.cancelRequested { _ = signal.requestCancel() }
        if !job.isCancelable { _ = signal.refuseCancels() }
        if isDraining { signal.drain() }
        signals[job.id] = signal
        board.publish(job)
    }

    func declaredSteps(_ job: Job) -> [JobStep] { (try? kinds[job.kind]?.steps(job.arguments)) ?? [] }

    private func holdUnknown(_ jobs: [Job]) async throws {
        for job in jobs where kinds[job.kind] == nil && job.state != .needsAttention {
            try await hold(job, JobFailure("job.kind_unknown", category: "attention", detail: "this version has no jobs '\(job.kind)'"))
        }
    }

    /// Holds the jobs whose step was in hand at too many deaths: running it once more is an operator's decision.
    private func holdPoisoned(_ holders: [Job]) async throws {
        var inHand: [JobID: String] = [:]
        for job in holders {
            guard let job = board[job.id], !job.state.endsWaits else { continue }
            inHand[job.id] = job.stepInHand(declaredSteps(job))
        }
        guard !inHand.isEmpty else { return }
        for (id, deaths) in try await store.countDeaths(inHand) where deaths >= limits.deathsInARow {
            guard let job = board[id] else { continue }
            let failure = JobFailure(
                "job.poisoned", category: "attention",
                detail: "the daemon died \(deaths) times in a row while this job was in its step '\(inHand[id] ?? "")'",
                hints: ["look at the daemon's log for the cause, then retry the job or delete what it was making"])
            try await hold(job, failure)
        }
    }

    private func hold(_ job: Job, _ failure: JobFailure) async throws {
        var job = board[job.id] ?? job
        job.state = .needsAttention
        job.isCancelable = true
        job.seq += 1000
        job.failure = failure
        try await store.end(job, log: [JobLogLine(at: now(), message: "held: \(failure.detail)")])
        signals[job.id]?.acceptCancels()
        board.publish(job)
    }
}
