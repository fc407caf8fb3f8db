internal import JSON
package import Platform
package import SQLite

/// All SQL of the queue. Every write that settles something is fenced by the job's epoch: a stale worker changes zero rows.
package struct JobStore: Sendable {
    package let database: Database

    package init(_ database: Database) { self.database = database }

    // MARK: Enqueue

    /// What came of an enqueue.
    package enum Enqueued: Sendable {
        case made(Job)
        /// The same request came before under the same key.
        case replayed(Job)
    }

    /// Makes the job a promise: row, reservations and key in one transaction, which also ends the job `superseded` (as given)
    /// whose place it takes. Throws `EnqueueError` or `SQLiteError`.
    package func enqueue(_ request: JobRequest, superseded: Job? = nil, at time: Timestamp) async throws -> Enqueued {
        defer { if superseded?.hadSecrets == true { database.forgetLog() } }
        return try await database.write { connection in
            if let key = request.idempotency, let earlier = try Self.job(connection, key: key) { return .replayed(earlier) }
            if let superseded {
                try Self.fence(connection, superseded)
                try Self.end(connection, superseded, [JobLogLine(at: time, message: "superseded by \(request.id)")])
            }
            // In their order: the first that is taken tells most.
            for name in request.reservations {
                if let row = try connection.queryOne("SELECT job_id FROM reservation WHERE name = ?", [.text(name)]) {
                    throw EnqueueError.reserved(name: name, by: try row.string("job_id"))
                }
            }
            let job = Job(request, createdAt: time)
            try Self.insert(connection, job)
            for name in Set(request.reservations).sorted() {
                _ = try connection.execute(
                    "INSERT INTO reservation (name, job_id) VALUES (?, ?)", [.text(name), .text(job.id.text)])
            }
            for (name, value) in request.secrets {
                _ = try connection.execute(
                    "INSERT INTO job_secret (job_id, name, value) VALUES (?, ?, ?)", [.text(job.id.text), .text(name), .blob(value)])
            }
            return .made(job)
        }
    }

    private static func insert(_ connection: Connection, _ job: Job) throws {
        _ = try connection.execute(
            """
            INSERT INTO job (id, kind, arguments, state, resources, locks, host, priority, run_at, key_scope, key, key_digest,
                requestor_kind, requestor_name, reason, retry_of, created_at, had_secrets)
            VALUES (?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                .text(job.id.text), .text(job.kind), .text(job.arguments.text),
                .text(JSONValue.array(job.resources.map(JSONValue.string)).text), .text(job.locks.storedText),
                .optional(job.host), .integer(job.priority.rawValue), .optional(job.runAt?.milliseconds),
                .optional(job.idempotency?.scope), .optional(job.idempotency?.key), .optional(job.idempotency?.digest),
                .text(job.requestor.kind), .text(job.requestor.name), .optional(job.reason), .optional(job.retryOf?.text),
                .integer(job.createdAt.milliseconds), .bool(job.hadSecrets),
            ])
    }

    // MARK: Settling

    /// Takes the job for an attempt: epoch and attempt grow, its locks become rows. Answers false if someone else was faster.
    package func claim(_ job: Job, newEpoch: Int64, holdsLocks: Bool, at time: Timestamp) async throws -> Bool {
        try await database.write { connection in
            let changed = try connection.execute(
                """
                UPDATE job SET state = 'running', epoch = ?, attempt = attempt + 1, seq = ?, detached = 0,
                    started_at = coalesce(started_at, ?)
                WHERE id = ? AND epoch = ? AND ended_at IS NULL
                """,
                [
                    .integer(newEpoch), .integer(job.seq), .integer(time.milliseconds), .text(job.id.text), .integer(job.epoch),
                ])
            guard changed == 1 else { return false }
            if holdsLocks { try Self.writeLocks(connection, job, epoch: newEpoch) }
            return true
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

    /// Runs `body` in one transaction that first proves that the caller still owns the job; throws `StaleEpoch` if not.
    func fenced(_ job: Job, _ body: @escaping @Sendable (Connection) throws -> Void) async throws {
        try await database.write { connection in
            try Self.fence(connection, job)
            try body(connection)
        }
    }

    private static func fence(_ connection: Connection, _ job: Job) throws {
        let changed = try connection.execute(
            "UPDATE job SET seq = ? WHERE id = ? AND epoch = ? AND ended_at IS NULL",
            [.integer(job.seq), .text(job.id.text), .integer(job.epoch)])
        guard changed == 1 else { throw StaleEpoch(job: job.id) }
    }

    /// Writes that step `ord` is about to be done. `log` lines share the transaction.
    package func intend(_ job: Job, ord: Int, step: JobStep, releasesLocks: Bool, log: [JobLogLine], at time: Timestamp) async throws {
        try await fenced(job) { connection in
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
            try Self.append(connection, job.id, log)
        }
    }

    /// Writes what became of step `ord`: its phase, failures and what was observed.
    package func settle(_ job: Job, ord: Int, log: [JobLogLine], at time: Timestamp) async throws {
        guard job.steps.indices.contains(ord) else { return }
        let step = job.steps[ord]
        try await fenced(job) { connection in
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
            try Self.append(connection, job.id, log)
        }
    }

    /// Writes that the job goes backwards from now on, why, and that it holds its locks (again).
    package func beginUndo(_ job: Job, cause: JobFailure, log: [JobLogLine]) async throws {
        try await fenced(job) { connection in
            _ = try connection.execute(
                "UPDATE job SET undo_cause = ? WHERE id = ?", [.text(cause.storedText), .text(job.id.text)])
            try Self.writeLocks(connection, job, epoch: job.epoch)
            try Self.append(connection, job.id, log)
        }
    }

    /// Ends the job: state, result or failure, its locks and reservations given back, in one transaction.
    package func end(_ job: Job, log: [JobLogLine]) async throws {
        try await fenced(job) { connection in try Self.end(connection, job, log) }
        if job.hadSecrets, job.state.isTerminal { database.forgetLog() }
    }

    private static func end(_ connection: Connection, _ job: Job, _ log: [JobLogLine]) throws {
        _ = try connection.execute(
            "UPDATE job SET state = ?, ended_at = ?, result = ?, failure = ? WHERE id = ?",
            [
                .text(job.state.rawValue), .optional(job.endedAt?.milliseconds), .optional(job.result?.text),
                .optional(job.failure?.storedText), .text(job.id.text),
            ])
        if job.state.isTerminal {
            _ = try connection.execute("DELETE FROM job_lock WHERE job_id = ?", [.text(job.id.text)])
            _ = try connection.execute("DELETE FROM reservation WHERE job_id = ?", [.text(job.id.text)])
            if job.hadSecrets { try wipeSecrets(connection, job.id) }
        }
        try append(connection, job.id, log)
    }

    /// Deletes the job's secrets, and overwrites where they were in the file.
    private static func wipeSecrets(_ connection: Connection, _ id: JobID) throws {
        try connection.executeScript("PRAGMA secure_delete = ON")
        defer { try? connection.executeScript("PRAGMA secure_delete = OFF") }
        _ = try connection.execute("DELETE FROM job_secret WHERE job_id = ?", [.text(id.text)])
    }

    package func requestCancel(_ id: JobID, seq: Int64) async throws {
        try await database.write { connection in
            _ = try connection.execute(
                "UPDATE job SET cancel_requested = 1, seq = max(seq, ?) WHERE id = ? AND ended_at IS NULL",
                [.integer(seq), .text(id.text)])
        }
    }

    /// Notes that these jobs are not being worked on: let go at a clean stop, or waiting for a host. A death of the daemon
    /// says nothing about them then.
    package func detach(_ ids: [JobID]) async throws {
        try await database.write { connection in
            for id in ids { _ = try connection.execute("UPDATE job SET detached = 1 WHERE id = ?", [.text(id.text)]) }
        }
    }

    /// Notes that the job is worked on again. Throws `StaleEpoch`.
    package func attach(_ job: Job) async throws {
        try await fenced(job) { connection in
            _ = try connection.execute("UPDATE job SET detached = 0 WHERE id = ?", [.text(job.id.text)])
        }
    }

    /// Counts a daemon death for each of these jobs with the step that was in hand, unless it was detached, and answers how
    /// many there were in a row on that step. A job that is not claimed until the next death does not count again.
    package func countDeaths(_ inHand: [JobID: String]) async throws -> [JobID: Int] {
        try await database.write { connection in
            try inHand.reduce(into: [:]) { counts, entry in
                let row = try connection.queryOne(
                    """
                    UPDATE job SET deaths = CASE WHEN detached = 1 THEN deaths WHEN death_step = ?1 THEN deaths + 1 ELSE 1 END,
                        death_step = CASE WHEN detached = 1 THEN death_step ELSE ?1 END, detached = 1
                    WHERE id = ?2 RETURNING deaths
                    """, [.text(entry.value), .text(entry.key.text)])
                counts[entry.key] = Int(try row?.int64("deaths") ?? 0)
            }
        }
    }

    package func appendLog(_ id: JobID, _ lines: [JobLogLine]) async throws {
        try await database.write { connection in try Self.append(connection, id, lines) }
    }

    static func append(_ connection: Connection, _ id: JobID, _ lines: [JobLogLine]) throws {
        for line in lines {
            _ = try connection.execute(
                """
                INSERT INTO job_log (job_id, n, at, message)
                SELECT ?1, coalesce((SELECT max(n) FROM job_log WHERE job_id = ?1), 0) + 1, ?2, ?3
                """, [.text(id.text), .integer(line.at.milliseconds), .text(line.message)])
        }
    }

    /// Deletes ended jobs older than the given times, at most 1000 at once, and gives pages back to the file system; answers
    /// how many went.
    package func purge(succeededBefore: Timestamp, failedBefore: Timestamp) async throws -> Int {
        try await database.write { connection in
            let count = try connection.execute(
                """
                DELETE FROM job WHERE id IN (SELECT id FROM job WHERE ended_at IS NOT NULL
                    AND (ended_at < ? AND state <> 'failed' OR ended_at < ?) ORDER BY ended_at LIMIT 1000)
                """, [.integer(succeededBefore.milliseconds), .integer(failedBefore.milliseconds)])
            if count > 0 { _ = try connection.query("PRAGMA incremental_vacuum(1000)") }
            return count
        }
    }
}
