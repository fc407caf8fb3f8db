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
                try JobWrite.end(superseded, log: [JobLogLine(at: time, message: "superseded by \(request.id)")]).apply(connection)
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

    /// Commits changes together, or none of them. Throws `StaleEpoch` where the caller no longer owns the job.
    package func commit(_ writes: [JobWrite]) async throws {
        try await database.write { connection in for write in writes { try write.apply(connection) } }
        if writes.contains(where: \.wipesSecrets) { database.forgetLog() }
    }

    package func end(_ job: Job, log: [JobLogLine]) async throws { try await commit([.end(job, log: log)]) }

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

    package func appendLog(_ id: JobID, _ lines: [JobLogLine]) async throws { try await commit([.log(id, lines)]) }

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
