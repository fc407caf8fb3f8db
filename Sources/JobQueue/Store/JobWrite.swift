internal import JSON
package import Platform
internal import SQLite

/// One change of a job's rows, committed alone or with others (`JobStore.commit`).
///
/// All but the log are fenced by the job's epoch: they throw `StaleEpoch` if the caller does not own the job any more.
package struct JobWrite: Sendable {
    let wipesSecrets: Bool
    let apply: @Sendable (Connection) throws -> Void

    private init(wipesSecrets: Bool = false, _ apply: @escaping @Sendable (Connection) throws -> Void) {
        self.wipesSecrets = wipesSecrets
        self.apply = apply
    }

    /// First proves that the job is the caller's still.
    private static func fenced(
        _ job: Job, wipesSecrets: Bool = false, _ body: @escaping @Sendable (Connection) throws -> Void
    ) -> JobWrite {
        JobWrite(wipesSecrets: wipesSecrets) { connection in
            let changed = try connection.execute(
                "UPDATE job SET seq = ? WHERE id = ? AND epoch = ? AND ended_at IS NULL",
                [.integer(job.seq), .text(job.id.text), .integer(job.epoch)])
            guard changed == 1 else { throw StaleEpoch(job: job.id) }
            try body(connection)
        }
    }

    /// Takes the job for an attempt: epoch and attempt grow, its locks become rows. Throws `StaleEpoch` if someone else was faster.
    package static func claim(_ job: Job, newEpoch: Int64, holdsLocks: Bool, at time: Timestamp) -> JobWrite {
        JobWrite { connection in
            let changed = try connection.execute(
                """
                UPDATE job SET state = 'running', epoch = ?, attempt = attempt + 1, seq = ?, detached = 0,
                    started_at = coalesce(started_at, ?)
                WHERE id = ? AND epoch = ? AND ended_at IS NULL
                """,
                [
                    .integer(newEpoch), .integer(job.seq), .integer(time.milliseconds), .text(job.id.text), .integer(job.epoch),
                ])
            guard changed == 1 else { throw StaleEpoch(job: job.id) }
            if holdsLocks { try writeLocks(connection, job, epoch: newEpoch) }
        }
    }

    private static func writeLocks(_ connection: Connection, _ job: Job, epoch: Int64) throws {
        _ = try connection.execute("DELETE FROM job_lock WHERE job_id = ?", [.text(job.id.text)])
        for lock in job.locks {
            _ = try connection.execute(
                "INSERT INTO job_lock (job_id, resource, mode, epoch) VALUES (?, ?, ?, ?)",
                [.text(job.id.text), .text(lock.resource), .text(lock.mode.rawValue), .integer(epoch)])
        }
    }

    /// Step `ord` is about to be done.
    package static func intend(_ job: Job, ord: Int, step: JobStep, releasesLocks: Bool, log: [JobLogLine], at time: Timestamp) -> JobWrite
    {
        fenced(job) { connection in
            _ = try connection.execute(
                """
                INSERT INTO job_step (job_id, ord, name, class, phase, epoch, started_at) VALUES (?, ?, ?, ?, 'running', ?, ?)
                ON CONFLICT (job_id, ord) DO UPDATE SET name = excluded.name, class = excluded.class, phase = 'running', epoch = excluded.epoch
                """,
                [
                    .text(job.id.text), .integer(Int64(ord)), .text(step.name), .text(step.stepClass.rawValue), .integer(job.epoch),
                    .integer(time.milliseconds),
                ])
            if releasesLocks { _ = try connection.execute("DELETE FROM job_lock WHERE job_id = ?", [.text(job.id.text)]) }
            try append(connection, job.id, log)
        }
    }

    /// What became of step `ord`: its phase, failures and what was observed.
    package static func settle(_ job: Job, ord: Int, log: [JobLogLine], at time: Timestamp) -> JobWrite {
        fenced(job) { connection in
            guard job.steps.indices.contains(ord) else { return }
            let step = job.steps[ord]
            _ = try connection.execute(
                """
                UPDATE job_step SET phase = ?, failures = ?, observed = ?, ended_at = ?,
                    bytes_done = ?, bytes_total = ?, items_done = ?, items_total = ? WHERE job_id = ? AND ord = ?
                """,
                [
                    .text(step.phase.rawValue), .integer(Int64(step.failures)), .optional(step.observed?.text),
                    step.phase == .intended ? .null : .integer(time.milliseconds), .optional(step.bytesDone), .optional(step.bytesTotal),
                    .optional(step.itemsDone), .optional(step.itemsTotal), .text(job.id.text), .integer(Int64(ord)),
                ])
            if step.phase != .intended {
                _ = try connection.execute("UPDATE job SET deaths = 0, death_step = NULL WHERE id = ?", [.text(job.id.text)])
            }
            try append(connection, job.id, log)
        }
    }

    /// The job goes backwards from now on, why, and it holds its locks (again).
    package static func beginUndo(_ job: Job, cause: JobFailure, log: [JobLogLine]) -> JobWrite {
        fenced(job) { connection in
            _ = try connection.execute(
                "UPDATE job SET undo_cause = ? WHERE id = ?", [.text(cause.storedText), .text(job.id.text)])
            try writeLocks(connection, job, epoch: job.epoch)
            try append(connection, job.id, log)
        }
    }

    /// The job's end: state, result or failure, its locks and reservations given back.
    package static func end(_ job: Job, log: [JobLogLine]) -> JobWrite {
        let wipes = job.hadSecrets && job.state.isTerminal
        return fenced(job, wipesSecrets: wipes) { connection in
            _ = try connection.execute(
                "UPDATE job SET state = ?, ended_at = ?, result = ?, failure = ? WHERE id = ?",
                [
                    .text(job.state.rawValue), .optional(job.endedAt?.milliseconds), .optional(job.result?.text),
                    .optional(job.failure?.storedText), .text(job.id.text),
                ])
            if job.state.isTerminal {
                _ = try connection.execute("DELETE FROM job_lock WHERE job_id = ?", [.text(job.id.text)])
                _ = try connection.execute("DELETE FROM reservation WHERE job_id = ?", [.text(job.id.text)])
            }
            if wipes { try wipeSecrets(connection, job.id) }
            try append(connection, job.id, log)
        }
    }

    /// Deletes the job's secrets, and overwrites where they were in the file.
    private static func wipeSecrets(_ connection: Connection, _ id: JobID) throws {
        try connection.executeScript("PRAGMA secure_delete = ON")
        defer { try? connection.executeScript("PRAGMA secure_delete = OFF") }
        _ = try connection.execute("DELETE FROM job_secret WHERE job_id = ?", [.text(id.text)])
    }

    /// The job is worked on again.
    package static func attach(_ job: Job) -> JobWrite {
        fenced(job) { connection in
            _ = try connection.execute("UPDATE job SET detached = 0 WHERE id = ?", [.text(job.id.text)])
        }
    }

    /// Lines for the job's log.
    package static func log(_ id: JobID, _ lines: [JobLogLine]) -> JobWrite { JobWrite { try append($0, id, lines) } }

    private static func append(_ connection: Connection, _ id: JobID, _ lines: [JobLogLine]) throws {
        for line in lines {
            _ = try connection.execute(
                """
                INSERT INTO job_log (job_id, n, at, message)
                SELECT ?1, coalesce((SELECT max(n) FROM job_log WHERE job_id = ?1), 0) + 1, ?2, ?3
                """, [.text(id.text), .integer(line.at.milliseconds), .text(line.message)])
        }
    }
}
