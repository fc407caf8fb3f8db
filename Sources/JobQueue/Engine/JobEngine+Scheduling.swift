internal import Platform
internal import Telemetry

extension JobEngine {
    /// Puts a job in line for its locks, and among the ready ones if nothing is in its way; else shows what it waits for.
    /// May be called at any time, and any number of times.
    func consider(_ id: JobID) {
        guard isRecovered, let job = board[id], job.attempt == 0, job.state == .queued || job.state == .waiting,
            !running.contains(id), !ending.contains(id)
        else { return }
        if let runAt = job.runAt, runAt > now() {
            // Not in line before its time: whoever comes meanwhile is not held up.
            wake(id, at: runAt)
            return show(id, .waiting, ["time:\(runAt)"])
        }
        locks.request(id, job.locks)
        let blockers = locks.blockers(of: id)
        show(id, blockers.isEmpty ? .queued : .waiting, blockers.map { "/v1/jobs/\($0)" })
        if blockers.isEmpty { slots.enqueue(job) }
    }

    private func show(_ id: JobID, _ state: JobState, _ blockedBy: [String]) {
        guard let shown = board[id], shown.state != state || shown.blockedBy != blockedBy else { return }
        board.update(id) { job in
            job.state = state
            job.blockedBy = blockedBy
        }
    }

    /// Looks again at `time`, or in a minute: the wall clock may be set meanwhile.
    private func wake(_ id: JobID, at time: Timestamp) {
        guard timers.insert(id).inserted else { return }
        let delay = Duration.milliseconds(max(1, min(60_000, time.milliseconds - now().milliseconds)))
        Task {
            try? await clock.sleep(for: delay)
            timers.remove(id)
            guard !isDraining else { return }
            consider(id)
            dispatch()
        }
    }

    /// Starts ready jobs while there are slots.
    func dispatch() {
        guard !isDraining else { return }
        while let id = slots.next() {
            guard let job = board[id], !running.contains(id), !ending.contains(id), !job.state.endsWaits else {
                slots.free(id)
                continue
            }
            locks.grant(id)
            running.insert(id)
            startsIn.yield(job)
        }
    }

    /// The attempt is over, whatever came of it.
    func left(_ id: JobID) async {
        slots.free(id)
        let job = board[id]
        if let job, job.state.isTerminal { retire(job) }
        running.remove(id)
        dispatch()
        if let job, job.state == .needsAttention { await letBeTakenOver(job) }
        wakeIdle()
    }

    /// A request that was about to end the job has done so, or could not: then it goes on.
    func leftEnding(_ id: JobID) {
        ending.remove(id)
        consider(id)
        dispatch()
        wakeIdle()
    }

    /// Lets go of a job that has ended: its locks go to who waits for them. Does nothing the second time.
    func retire(_ job: Job) {
        guard !isDead, signals.removeValue(forKey: job.id) != nil else { return }
        let shown = board.publish(job)
        slots.remove(job)
        released(locks.release(job.id))
        jobEnded?(shown)
        dispatch()
    }

    private func released(_ waiters: [JobID]) {
        for waiter in waiters {
            if let continuation = reacquiring[waiter] {
                guard locks.blockers(of: waiter).isEmpty else { continue }
                reacquiring[waiter] = nil
                locks.grant(waiter)
                continuation.resume(returning: true)
            } else {
                consider(waiter)
            }
        }
    }

    // MARK: For a running attempt

    /// Gives back a job's slot while it waits for its host. It goes on without one.
    func freeSlot(_ id: JobID) {
        slots.free(id)
        dispatch()
    }

    /// Gives back a job's locks and its slot: from here on it only waits and looks.
    func releaseLocks(_ id: JobID) {
        slots.free(id)
        released(locks.release(id))
        dispatch()
    }

    /// Takes the locks again, behind whoever came meanwhile. Answers true when they are held, false if the daemon stops first.
    func reacquireLocks(_ job: Job) async -> Bool {
        released(locks.release(job.id))
        locks.request(job.id, job.locks)
        let blockers = locks.blockers(of: job.id)
        if blockers.isEmpty {
            locks.grant(job.id)
            return true
        }
        if isDraining { return false }
        show(job.id, .waiting, blockers.map { "/v1/jobs/\($0)" })
        return await withCheckedContinuation { reacquiring[job.id] = $0 }
    }
}
