internal import Platform
internal import Telemetry

extension JobEngine {
    /// Makes `request` a promise. The answer comes after the commit. Throws `EnqueueError`, `SQLiteError`, and `JobFailure`
    /// `limit.jobs` when too many are unfinished.
    package func enqueue(_ request: JobRequest) async throws -> JobStore.Enqueued {
        try await enqueue(request, superseding: nil)
    }

    /// Enqueues `request` as the retry of job `id`, which must have ended; one that needs attention ends by this, in the same
    /// transaction. Throws as `enqueue`, and `JobFailure` `job.not_found`, `job.not_ended`
    /// or `job.secrets_gone`.
    package func retry(_ id: JobID, as request: JobRequest) async throws -> JobStore.Enqueued {
        guard let old = try job(id) else { throw JobFailure("job.not_found", category: "not_found", detail: "there is no job \(id)") }
        guard old.state.endsWaits else {
            throw JobFailure(
                "job.not_ended", category: "state", detail: "job \(id) is \(old.state.rawValue); only a job that has ended is retried",
                hints: ["wait for its end: GET /v1/jobs/\(id)?wait=30s"])
        }
        var request = request
        request.retryOf = id
        if old.hadSecrets {
            guard old.state == .needsAttention else { throw JobFailure.secretsGone(id) }
            request.secrets = try store.secrets(id)
        }
        guard old.state == .needsAttention, ending.insert(id).inserted else { return try await enqueue(request, superseding: nil) }
        defer { leftEnding(id) }
        return try await enqueue(request, superseding: Self.superseded(old, by: request.id, request.kind, at: now()))
    }

    private func enqueue(_ request: JobRequest, superseding held: Job?) async throws -> JobStore.Enqueued {
        guard let kind = kinds[request.kind] else { throw EnqueueError.unknownKind(request.kind) }
        do {
            if let refusal = refusal(request) { throw refusal }
            try request.condition?(before(request))
        } catch {
            // What is a job already stays one.
            guard let key = request.idempotency, let earlier = try store.job(key: key) else { throw error }
            return .replayed(board[earlier.id] ?? earlier)
        }
        guard signals[request.id] == nil else {
            throw JobFailure("internal", category: "internal", detail: "the job id \(request.id) is in use")
        }
        var request = request
        request.locks = LockRequest.normalized(request.locks)
        // Before the commit, so that a cancel finds it from the first moment on.
        let signal = CancelSignal()
        signals[request.id] = signal
        entering[request.id] = request
        defer { entering[request.id] = nil }
        let outcome: JobStore.Enqueued
        do {
            outcome = try await store.enqueue(request, superseded: held, at: now())
        } catch {
            signals[request.id] = nil
            throw error
        }
        guard case .made(var job) = outcome else {
            signals[request.id] = nil
            if case .replayed(let earlier) = outcome { return .replayed(board[earlier.id] ?? earlier) }
            return outcome
        }
        if let held { retire(held) }
        // A recovery that ran meanwhile may have found the row.
        if board[job.id] == nil {
            job.adopt(declaredSteps(job), isUndoable: kind.isUndoable)
            job.cancelRequested = signal.isCancelRequested
            board.publish(job)
        }
        consider(job.id)
        dispatch()
        if mayTakeOver(job) { await takeOver(job) }
        return .made(board[job.id] ?? job)
    }

    private func refusal(_ request: JobRequest) -> (any Error)? {
        if isDraining { return EnqueueError.draining }
        // A full queue must not keep anyone from pulling a plug.
        guard signals.count >= limits.unfinished + (request.priority == .stop ? 1000 : 0) else { return nil }
        return JobFailure(
            "limit.jobs", category: "limit", detail: "\(limits.unfinished) jobs are unfinished; no more are taken", isRetryable: true)
    }

    /// An unfinished job that `request` would stand in line behind; the same request sent twice does not.
    private func before(_ request: JobRequest) -> JobID? {
        func isInTheWay(_ locks: [LockRequest], _ key: IdempotencyKey?) -> Bool {
            (key == nil || key != request.idempotency) && locks.contains { held in request.locks.contains { $0.conflicts(with: held) } }
        }
        if let coming = entering.values.first(where: { isInTheWay($0.locks, $0.idempotency) }) { return coming.id }
        return board.active.first { job in
            job.state != .needsAttention && isInTheWay(job.locks, job.idempotency) && !job.hasReleasedLocks(declaredSteps(job))
        }?.id
    }

    // MARK: Taking over

    private func mayTakeOver(_ job: Job) -> Bool { kinds[job.kind]?.takesOver == true && !job.requestor.isAutomatic }

    /// A user's stop or delete ends a job that needs attention on the same machine: its locks bind automatic work only.
    private func takeOver(_ job: Job) async {
        for lock in job.locks where lock.mode == .exclusive {
            guard let holder = locks.holder(of: lock.resource), let held = board[holder], held.state == .needsAttention,
                ending.insert(holder).inserted
            else { continue }
            let ended = Self.superseded(held, by: job.id, job.kind, at: now())
            do {
                try await store.end(ended, log: [JobLogLine(at: now(), message: "superseded by \(job.id)")])
                retire(ended)
            } catch {
                log.error("cannot supersede job", ["job": held.id.text, "error": "\(error)"])
            }
            leftEnding(holder)
        }
    }

    /// A job came to need attention while a user's stop or delete stood in line behind it already.
    func letBeTakenOver(_ held: Job) async {
        let taker = board.active.first { job in
            job.state == .waiting && job.attempt == 0 && mayTakeOver(job)
                && job.locks.contains { $0.mode == .exclusive && locks.holder(of: $0.resource) == held.id }
        }
        if let taker { await takeOver(taker) }
    }

    private static func superseded(_ held: Job, by id: JobID, _ kind: String, at time: Timestamp) -> Job {
        var held = held
        held.state = .failed
        held.endedAt = time
        held.isCancelable = false
        held.seq += 1
        held.failure = JobFailure(
            "job.superseded", category: "attention", detail: "superseded by job \(id) (\(kind)); before: \(held.failure?.detail ?? "")")
        return held
    }

    // MARK: Cancelling

    /// Asks the job to end and undo. Answers the job as it is then, nil if there is none; throws `JobFailure` `job.past_cancel`
    /// when there is no way back. Once this has answered with an unfinished job, that job ends `cancelled` (or, if it cannot be
    /// undone, needs attention).
    package func cancel(_ id: JobID) async throws -> Job? {
        guard let job = try job(id) else { return nil }
        if job.state.isTerminal { return job }
        let isHeld = job.state == .needsAttention
        guard isHeld || signals[id]?.requestCancel() ?? job.isCancelable else {
            throw JobFailure(
                "job.past_cancel", category: "state", detail: "job \(id) (\(job.kind)) is past the point where it can be cancelled",
                hints: ["wait for its end: GET /v1/jobs/\(id)?wait=30s"])
        }
        try await store.requestCancel(id, seq: job.seq + 1)
        board.update(id) { $0.cancelRequested = true }
        if let latest = board[id],
            latest.attempt == 0 && !latest.state.endsWaits && !running.contains(id) || latest.state == .needsAttention,
            ending.insert(id).inserted
        {
            await endUnstarted(latest)
        }
        return try self.job(id)
    }

    /// A job that never began (or is held) is cancelled on the spot.
    private func endUnstarted(_ job: Job) async {
        slots.remove(job)
        var ended = job
        let isHeld = job.state == .needsAttention
        ended.state = isHeld ? .failed : .cancelled
        ended.failure = isHeld ? job.failure : .cancelled
        ended.endedAt = now()
        ended.seq += 1
        ended.isCancelable = false
        ended.blockedBy = []
        do {
            try await store.end(ended, log: [JobLogLine(at: now(), message: isHeld ? "ended by a cancel" : "cancelled before it began")])
            retire(ended)
        } catch {
            log.error("cannot cancel job", ["job": job.id.text, "error": "\(error)"])
        }
        // If the database refused, the job runs, and ends as soon as it begins.
        leftEnding(job.id)
    }
}
