package import Hypervisor
internal import Platform
package import SQLite

/// What the database keeps of volumes that came by upload: format and digest, recorded once, when the upload was whole.
package struct VolumeStore: Sendable {
    package struct Record: Sendable, Equatable {
        package var format: String
        package var sha256: String
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
        try await database.write { connection in
            _ = try connection.execute(
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
    }

    package func delete(_ volume: VolumeReference, on host: HostName) async throws {
        try await database.write { connection in
            _ = try connection.execute(
                "DELETE FROM volume WHERE host = ? AND pool = ? AND name = ?",
                [.text(host.text), .text(volume.pool), .text(volume.volume)])
        }
    }
}
