internal import Platform

extension JobEngine {
    /// Unfinished jobs by state, for figures.
    package nonisolated var counts: [JobState: Int] { board.counts }

    /// Whether nothing runs, waits, or holds a lock or a slot.
    package var isIdle: Bool {
        running.isEmpty && ending.isEmpty && signals.isEmpty && reacquiring.isEmpty && locks.isEmpty && slots.isEmpty
    }

    /// The job as it is now, ended ones too; nil if there is none. Costs no disk access while it is active.
    package nonisolated func job(_ id: JobID) throws -> Job? { try board[id] ?? store.job(id) }

    /// Waits until the job ends (or, with `after`, changes past that `seq`) or the time is over; nil if there is none.
    package nonisolated func wait(_ id: JobID, after: Int64? = nil, limit: Duration) async throws -> Job? {
        if let job = await board.wait(id, after: after, limit: limit) { return job }
        guard let stored = try store.job(id), !stored.state.isTerminal else { return try store.job(id) }
        // Unfinished and not shown: `run` has not taken it up yet.
        return try await board.wait(id, after: after, limit: limit, isComing: true) ?? store.job(id)
    }

    /// A page of jobs, newest first, that `filter` lets through; `after` is the id where the page before ended. States are those
    /// of now: `waiting` too, which no row says.
    package nonisolated func list(_ filter: JobFilter, after: JobID? = nil, limit: Int) async throws -> [Job] {
        guard board.isLoaded else { return try await store.page(filter, after: after, limit: limit) }
        var found: [JobID: Job] = [:]
        for job in board.active.reversed() where found.count < limit && filter.matches(job) {
            if let after, job.id >= after { continue }
            found[job.id] = job
        }
        var ended = filter
        ended.states = JobState.allCases.filter { $0.isTerminal && (filter.states.isEmpty || filter.states.contains($0)) }
        if !ended.states.isEmpty {
            // Read after the board: who ended in between is in both, and has ended.
            for job in try await store.page(ended, after: after, limit: limit) { found[job.id] = job }
        }
        return Array(found.values.sorted { $0.id > $1.id }.prefix(limit))
    }
}
