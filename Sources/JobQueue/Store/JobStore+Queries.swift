internal import JSON
internal import Platform
internal import SQLite

extension JobStore {
    private static let columns = """
        id, kind, arguments, state, undo_cause, resources, locks, host, priority, run_at, attempt, epoch, cancel_requested,
        key_scope, key, key_digest, requestor_kind, requestor_name, reason, retry_of, created_at, started_at, ended_at, result,
        failure, seq, had_secrets
        """

    /// The job with its steps; nil if there is none.
    package func job(_ id: JobID) throws -> Job? {
        try database.readNow { connection in
            guard let row = try connection.queryOne("SELECT \(Self.columns) FROM job WHERE id = ?", [.text(id.text)]) else { return nil }
            return try Self.withSteps(connection, Self.decode(row))
        }
    }

    /// What was asked under this key before, if anything. Throws `EnqueueError.keyReused` if it was something else.
    package func job(key: IdempotencyKey) throws -> Job? {
        try database.readNow { connection in try Self.job(connection, key: key) }
    }

    static func job(_ connection: Connection, key: IdempotencyKey) throws -> Job? {
        guard
            let row = try connection.queryOne(
                "SELECT \(columns) FROM job WHERE key_scope = ? AND key = ?", [.text(key.scope), .text(key.key)])
        else { return nil }
        let job = try decode(row)
        guard job.idempotency?.digest == key.digest else { throw EnqueueError.keyReused(job: job.id) }
        return try withSteps(connection, job)
    }

    /// The job's secrets; none once it has ended.
    package func secrets(_ id: JobID) throws -> [String: [UInt8]] {
        try database.readNow { connection in
            try connection.query("SELECT name, value FROM job_secret WHERE job_id = ?", [.text(id.text)]).reduce(into: [:]) {
                secrets, row in
                secrets[try row.string("name")] = try row.blob("value")
            }
        }
    }

    /// Every job that has not ended, in the order in which they were taken.
    package func unfinished() throws -> [Job] {
        try database.readNow { connection in
            try connection.query("SELECT \(Self.columns) FROM job WHERE ended_at IS NULL ORDER BY rowid").map {
                try Self.withSteps(connection, Self.decode($0))
            }
        }
    }

    /// A page of jobs, newest first, that `filter` lets through; `after` is the id where the page before ended.
    package func page(_ filter: JobFilter, after: JobID?, limit: Int) async throws -> [Job] {
        try await database.read { connection in
            var sql = "SELECT \(Self.columns) FROM job WHERE 1 = 1"
            var values: [SQLValue] = []
            func any(_ column: String, _ list: [String]) {
                guard !list.isEmpty else { return }
                sql += " AND \(column) IN (\(list.map { _ in "?" }.joined(separator: ",")))"
                values += list.map(SQLValue.text)
            }
            any("state", filter.states.map(\.rawValue))
            any("kind", filter.kinds)
            any("key", filter.keys)
            if !filter.resources.isEmpty {
                let marks = filter.resources.map { _ in "?" }.joined(separator: ",")
                sql += " AND EXISTS (SELECT 1 FROM json_each(job.resources) WHERE value IN (\(marks)))"
                values += filter.resources.map(SQLValue.text)
            }
            if let since = filter.since {
                sql += " AND created_at >= ?"
                values.append(.integer(since.milliseconds))
            }
            if let after {
                sql += " AND id < ?"
                values.append(.text(after.text))
            }
            sql += " ORDER BY id DESC LIMIT ?"
            values.append(.integer(Int64(limit)))
            return try connection.query(sql, values).map { try Self.withSteps(connection, Self.decode($0)) }
        }
    }

    /// Lines of the job's log with numbers over `after`.
    package func log(_ id: JobID, after: Int64, limit: Int) async throws -> [JobLogLine] {
        try await database.read { connection in
            try connection.query(
                "SELECT n, at, message FROM job_log WHERE job_id = ? AND n > ? ORDER BY n LIMIT ?",
                [.text(id.text), .integer(after), .integer(Int64(limit))]
            ).map {
                JobLogLine(n: try $0.int64("n"), at: Timestamp(milliseconds: try $0.int64("at")), message: try $0.string("message"))
            }
        }
    }

    /// Lock and reservation rows there are: for tests of what must be empty when nothing runs.
    package func leftovers() throws -> (locks: Int, reservations: Int) {
        try database.readNow { connection in
            (
                Int(try connection.queryOne("SELECT count(*) AS n FROM job_lock")?.int64("n") ?? 0),
                Int(try connection.queryOne("SELECT count(*) AS n FROM reservation")?.int64("n") ?? 0)
            )
        }
    }

    /// Names that unfinished jobs have reserved, with the job.
    package func reservation(_ name: String) throws -> JobID? {
        try database.readNow { connection in
            try connection.queryOne("SELECT job_id FROM reservation WHERE name = ?", [.text(name)]).flatMap {
                JobID(try $0.string("job_id"))
            }
        }
    }

    private static func withSteps(_ connection: Connection, _ job: Job) throws -> Job {
        var job = job
        for row in try connection.query(
            """
            SELECT ord, name, phase, epoch, failures, observed, bytes_done, bytes_total, items_done, items_total
            FROM job_step WHERE job_id = ? ORDER BY ord
            """, [.text(job.id.text)])
        {
            let ord = Int(try row.int64("ord"))
            while job.steps.count < ord { job.steps.append(StepState(name: "")) }
            var step = StepState(name: try row.string("name"))
            step.phase = StepState.Phase(rawValue: try row.string("phase")) ?? .intended
            step.epoch = try row.int64("epoch")
            step.failures = Int(try row.int64("failures"))
            step.observed = try row.optionalString("observed").flatMap(JSONValue.stored)
            step.bytesDone = try row.optionalInt64("bytes_done")
            step.bytesTotal = try row.optionalInt64("bytes_total")
            step.itemsDone = try row.optionalInt64("items_done")
            step.itemsTotal = try row.optionalInt64("items_total")
            job.steps.append(step)
        }
        return job
    }

    private static func decode(_ row: Row) throws -> Job {
        let text = try row.string("id")
        guard let id = JobID(text) else {
            throw JobFailure("internal", category: "internal", detail: "the database holds a job with the bad id '\(text)'")
        }
        var request = JobRequest(
            id: id, kind: try row.string("kind"), arguments: JSONValue.stored(try row.string("arguments")) ?? .null,
            resources: JSONValue.stored(try row.string("resources"))?.arrayValue?.compactMap(\.stringValue) ?? [],
            locks: [LockRequest](stored: try row.string("locks")), host: try row.optionalString("host"),
            priority: JobPriority(rawValue: try row.int64("priority")) ?? .user,
            requestor: Requestor(kind: try row.string("requestor_kind"), name: try row.string("requestor_name")),
            reason: try row.optionalString("reason"), retryOf: try row.optionalString("retry_of").flatMap { JobID($0) },
            runAt: try row.optionalInt64("run_at").map(Timestamp.init(milliseconds:)))
        if let scope = try row.optionalString("key_scope"), let key = try row.optionalString("key"),
            let digest = try row.optionalString("key_digest")
        {
            request.idempotency = IdempotencyKey(scope: scope, key: key, digest: digest)
        }
        var job = Job(request, createdAt: Timestamp(milliseconds: try row.int64("created_at")))
        job.state = JobState(rawValue: try row.string("state")) ?? .needsAttention
        job.undoCause = try row.optionalString("undo_cause").flatMap(JSONValue.stored).map(JobFailure.init(stored:))
        job.isUndoing = job.undoCause != nil
        job.attempt = Int(try row.int64("attempt"))
        job.epoch = try row.int64("epoch")
        job.cancelRequested = try row.bool("cancel_requested")
        job.startedAt = try row.optionalInt64("started_at").map(Timestamp.init(milliseconds:))
        job.endedAt = try row.optionalInt64("ended_at").map(Timestamp.init(milliseconds:))
        job.result = try row.optionalString("result").flatMap(JSONValue.stored)
        job.failure = try row.optionalString("failure").flatMap(JSONValue.stored).map(JobFailure.init(stored:))
        job.seq = try row.int64("seq")
        job.hadSecrets = try row.bool("had_secrets")
        if job.state.isTerminal { job.isCancelable = false }
        return job
    }
}
