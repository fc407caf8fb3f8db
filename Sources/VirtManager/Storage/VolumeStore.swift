package import Hypervisor
internal import Platform
package import SQLite

/// What the database keeps of volumes that Gantry made: format and, after an upload, digest; recorded once, at the making.
package struct VolumeStore: Sendable {
    package struct Record: Sendable, Equatable {
        package var format: String
        /// Of the bytes as they came; empty for a volume that was made empty.
        package var sha256: String

        package init(format: String, sha256: String = "") {
            self.format = format
            self.sha256 = sha256
        }
    }

    package static let upgrades = [
        SchemaUpgrade(
            name: "0002-volumes",
            sql: """
                CREATE TABLE volume (
                    host TEXT NOT NULL,
                    pool TEXT NOT NULL,
                    name TEXT NOT NULL,
                    format TEXT NOT NULL CHECK (format IN ('raw', 'qcow2')),
                    sha256 TEXT NOT NULL,
                    bytes INTEGER NOT NULL,
                    job_id TEXT NOT NULL,
                    created_at INTEGER NOT NULL,
                    PRIMARY KEY (host, pool, name)
                ) STRICT, WITHOUT ROWID;
                """)
    ]

    private let database: Database

    package init(_ database: Database) { self.database = database }

    package func record(_ volume: VolumeReference, on host: HostName) throws -> Record? {
        try database.readNow { connection in
            try connection.queryOne(
                "SELECT format, sha256 FROM volume WHERE host = ? AND pool = ? AND name = ?",
                [.text(host.text), .text(volume.pool), .text(volume.volume)]
            ).map { Record(format: try $0.string("format"), sha256: try $0.string("sha256")) }
        }
    }

    /// All records of a pool by volume name.
    package func records(in pool: String, on host: HostName) throws -> [String: Record] {
        try database.readNow { connection in
            try connection.query("SELECT name, format, sha256 FROM volume WHERE host = ? AND pool = ?", [.text(host.text), .text(pool)])
                .reduce(into: [:]) { records, row in
                    records[try row.string("name")] = Record(format: try row.string("format"), sha256: try row.string("sha256"))
                }
        }
    }

    package func write(_ record: Record, bytes: Int64, job: String, _ volume: VolumeReference, on host: HostName) async throws {
        try await database.write { connection in try Self.put(record, bytes: bytes, job: job, volume, on: host, connection) }
    }

    /// As `write`, as a part of a larger transaction.
    static func put(
        _ record: Record, bytes: Int64, job: String, _ volume: VolumeReference, on host: HostName, _ connection: Connection
    ) throws {
        try connection.execute(
            """
            INSERT INTO volume (host, pool, name, format, sha256, bytes, job_id, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT DO UPDATE SET format = excluded.format, sha256 = excluded.sha256, bytes = excluded.bytes,
                job_id = excluded.job_id, created_at = excluded.created_at
            """,
            [
                .text(host.text), .text(volume.pool), .text(volume.volume), .text(record.format), .text(record.sha256), .integer(bytes),
                .text(job), .integer(Timestamp.now().milliseconds),
            ])
    }

    /// Uploads in parts, kept in the same database.
    func uploads(_ names: UnfinishedUploads) -> UploadStore { UploadStore(database, names: names) }

    /// Forgets all volumes of a pool.
    package func deleteAll(in pool: String, on host: HostName) async throws {
        try await database.write { connection in
            _ = try connection.execute("DELETE FROM volume WHERE host = ? AND pool = ?", [.text(host.text), .text(pool)])
        }
    }

    package func delete(_ volume: VolumeReference, on host: HostName) async throws {
        try await database.write { connection in
            _ = try connection.execute(
                "DELETE FROM volume WHERE host = ? AND pool = ? AND name = ?",
                [.text(host.text), .text(volume.pool), .text(volume.volume)])
        }
    }
}

extension VolumeObservation {
    /// As the host shows it, but with the format of the record where there is one: raw is raw, whatever its bytes say.
    func stated(by record: VolumeStore.Record?) -> VolumeObservation {
        guard let record, record.format != format else { return self }
        var stated = self
        stated.format = record.format
        if record.format == "raw" {
            stated.backingPath = nil
            stated.backingFormat = nil
        }
        return stated
    }
}
