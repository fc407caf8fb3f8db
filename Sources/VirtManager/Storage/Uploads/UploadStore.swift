package import Hypervisor
package import JobQueue
internal import Platform
package import SQLite

/// What the database keeps of resumable uploads: how far they are, and the first bytes, which are written last.
package struct UploadStore: Sendable {
    package static let upgrades = [
        SchemaUpgrade(
            name: "0006-uploads",
            sql: """
                CREATE TABLE upload (
                    id TEXT PRIMARY KEY,
                    begin_id TEXT NOT NULL,
                    finish_id TEXT NOT NULL,
                    host TEXT NOT NULL,
                    pool TEXT NOT NULL,
                    name TEXT NOT NULL,
                    total INTEGER NOT NULL CHECK (total > 0),
                    offset INTEGER NOT NULL DEFAULT 0 CHECK (offset BETWEEN 0 AND total),
                    head BLOB NOT NULL,
                    format TEXT CHECK (format IS NULL OR format IN ('raw', 'qcow2')),
                    sha256 TEXT,
                    replaces INTEGER NOT NULL CHECK (replaces IN (0, 1)),
                    made INTEGER NOT NULL DEFAULT 0 CHECK (made IN (0, 1)),
                    report TEXT CHECK (report IS NULL OR json_valid(report)),
                    requestor_kind TEXT NOT NULL,
                    requestor_name TEXT NOT NULL,
                    touched_at INTEGER NOT NULL,
                    UNIQUE (host, pool, name),
                    CHECK (length(head) <= 2097152),
                    CHECK (made OR offset = length(head))
                ) STRICT;
                """)
    ]

    private let database: Database
    private let names: UnfinishedUploads

    /// Reads which there are.
    init(_ database: Database, names: UnfinishedUploads) {
        self.database = database
        self.names = names
        for record in (try? all()) ?? [] { names.insert(record.volume, on: record.host) }
    }

    // MARK: Reading

    private static let columns =
        "id, begin_id, finish_id, host, pool, name, total, offset, format, sha256, replaces, made, requestor_kind, requestor_name, touched_at"

    package func record(_ volume: VolumeReference, on host: HostName) throws -> UploadRecord? {
        // Most volumes have none: that is known without the database.
        guard names.contains(volume, on: host) else { return nil }
        return try database.readNow { connection in
            try connection.queryOne(
                "SELECT \(Self.columns) FROM upload WHERE host = ? AND pool = ? AND name = ?",
                [.text(host.text), .text(volume.pool), .text(volume.volume)]
            ).map(Self.record)
        }
    }

    package func record(_ id: JobID) throws -> UploadRecord? {
        try database.readNow { connection in
            try connection.queryOne("SELECT \(Self.columns) FROM upload WHERE id = ?", [.text(id.text)]).map(Self.record)
        }
    }

    package func all() throws -> [UploadRecord] {
        try database.readNow { connection in
            try connection.query("SELECT \(Self.columns) FROM upload ORDER BY id", []).map(Self.record)
        }
    }

    /// The first bytes, as far as they have come.
    func head(_ id: JobID) throws -> [UInt8] {
        try database.readNow { connection in
            try connection.queryOne("SELECT head FROM upload WHERE id = ?", [.text(id.text)]).map { try $0.blob("head") } ?? []
        }
    }

    /// What was found out when all had come, as JSON.
    func report(_ id: JobID) throws -> String? {
        try database.readNow { connection in
            try connection.queryOne("SELECT report FROM upload WHERE id = ?", [.text(id.text)])?.optionalString("report")
        }
    }

    private static func record(_ row: Row) throws -> UploadRecord {
        guard let id = JobID(try row.string("id")), let begin = JobID(try row.string("begin_id")),
            let finish = JobID(try row.string("finish_id"))
        else {
            throw ServiceError("internal", .internal, "the record of an upload cannot be read")
        }
        return UploadRecord(
            id: id, begin: begin, finish: finish, host: HostName(try row.string("host")),
            volume: VolumeReference(pool: try row.string("pool"), volume: try row.string("name")), total: try row.int64("total"),
            offset: try row.int64("offset"), format: try row.optionalString("format"), sha256: try row.optionalString("sha256"),
            replace: try row.bool("replaces"), isMade: try row.bool("made"),
            requestor: Requestor(kind: try row.string("requestor_kind"), name: try row.string("requestor_name")),
            touchedAt: Timestamp(milliseconds: try row.int64("touched_at")))
    }

    // MARK: Writing

    func insert(_ record: UploadRecord) async throws {
        try await database.write { connection in
            _ = try connection.execute(
                """
                INSERT INTO upload (id, begin_id, finish_id, host, pool, name, total, head, format, sha256, replaces, requestor_kind,
                    requestor_name, touched_at)
                VALUES (?, ?, ?, ?, ?, ?, ?, x'', ?, ?, ?, ?, ?, ?)
                """,
                [
                    .text(record.id.text), .text(record.begin.text), .text(record.finish.text), .text(record.host.text),
                    .text(record.volume.pool),
                    .text(record.volume.volume), .integer(record.total), .optional(record.format), .optional(record.sha256),
                    .bool(record.replace), .text(record.requestor.kind), .text(record.requestor.name),
                    .integer(record.touchedAt.milliseconds),
                ])
        }
        names.insert(record.volume, on: record.host)
    }

    /// Keeps the first bytes; false if the upload is gone.
    func keep(head: [UInt8], of id: JobID, at time: Timestamp) async throws -> Bool {
        try await change(
            "head = ?, offset = ?, touched_at = ?", [.blob(head), .integer(Int64(head.count)), .integer(time.milliseconds)], id)
    }

    /// Another job is to make the volume.
    func set(begin: JobID, of id: JobID) async throws -> Bool { try await change("begin_id = ?", [.text(begin.text)], id) }

    /// Another job is to make it whole.
    func set(finish: JobID, of id: JobID) async throws -> Bool { try await change("finish_id = ?", [.text(finish.text)], id) }

    /// Whether the volume is there for it now.
    func set(made: Bool, of id: JobID) async throws -> Bool { try await change("made = ?", [.bool(made)], id) }

    /// All bytes before `offset` are safe now; false if the upload is gone.
    func advance(_ id: JobID, to offset: Int64, at time: Timestamp) async throws -> Bool {
        try await change("offset = ?, touched_at = ?", [.integer(offset), .integer(time.milliseconds)], id)
    }

    func write(report: String, of id: JobID) async throws -> Bool { try await change("report = ?", [.text(report)], id) }

    private func change(_ columns: String, _ values: [SQLValue], _ id: JobID) async throws -> Bool {
        try await database.write { connection in
            try connection.execute("UPDATE upload SET \(columns) WHERE id = ?", values + [.text(id.text)])
            return try connection.queryOne("SELECT 1 FROM upload WHERE id = ?", [.text(id.text)]) != nil
        }
    }

    /// The upload is over: its volume is one like others from the same moment on.
    func publish(_ upload: UploadRecord, _ record: VolumeStore.Record, bytes: Int64) async throws {
        try await database.write { connection in
            try VolumeStore.put(record, bytes: bytes, job: upload.id.text, upload.volume, on: upload.host, connection)
            try connection.execute("DELETE FROM upload WHERE id = ?", [.text(upload.id.text)])
        }
        names.remove(upload.volume, on: upload.host)
    }

    /// Forgets it; what lies in the volume is not touched.
    func delete(_ upload: UploadRecord) async throws {
        try await database.write { connection in
            _ = try connection.execute("DELETE FROM upload WHERE id = ?", [.text(upload.id.text)])
        }
        names.remove(upload.volume, on: upload.host)
    }
}
