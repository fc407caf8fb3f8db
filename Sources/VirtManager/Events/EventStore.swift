internal import Hypervisor
internal import JSON
internal import Platform
package import SQLite

/// All SQL of the timeline: events, and what was seen last of each thing, so that a change which nobody was there to see is
/// found when the daemon is back.
package struct EventStore: Sendable {
    package static let upgrades = [
        SchemaUpgrade(
            name: "events",
            sql: """
                CREATE TABLE event (
                    id INTEGER PRIMARY KEY AUTOINCREMENT,
                    at INTEGER NOT NULL,
                    kind TEXT NOT NULL,
                    resource TEXT NOT NULL,
                    origin TEXT NOT NULL CHECK (origin IN ('gantry','guest','external')),
                    job TEXT,
                    data TEXT NOT NULL CHECK (json_valid(data)),
                    once TEXT
                ) STRICT;
                CREATE INDEX event_by_resource ON event (resource, id);
                CREATE INDEX event_by_time ON event (at);
                CREATE UNIQUE INDEX event_once ON event (once) WHERE once IS NOT NULL;

                CREATE TABLE event_subject (
                    host TEXT NOT NULL,
                    resource TEXT NOT NULL,
                    seen TEXT NOT NULL CHECK (json_valid(seen)),
                    PRIMARY KEY (host, resource)
                ) STRICT, WITHOUT ROWID;
                """)
    ]

    /// An event to be written; `once` names what must not be told twice.
    struct Entry: Sendable {
        var event: Event
        var once: String?
    }

    /// What is known of one thing from now on; nil when it is gone.
    struct Subject: Sendable {
        var host: HostName
        var resource: String
        var seen: JSONValue?
    }

    private let database: Database

    package init(_ database: Database) { self.database = database }

    /// Nobody waits for an event as for a promise: it goes to the disk with what does, as a rule a job's next step.
    private static let patience = Duration.milliseconds(10)

    /// Writes in one transaction and answers the events with their ids; one that was told before is left out.
    func append(_ entries: [Entry], _ subjects: [Subject]) async throws -> [Event] {
        try await database.write(patience: Self.patience) { connection in
            var written: [Event] = []
            for entry in entries {
                var event = entry.event
                let row = try connection.queryOne(
                    """
                    INSERT INTO event (at, kind, resource, origin, job, data, once) VALUES (?, ?, ?, ?, ?, ?, ?)
                    ON CONFLICT (once) WHERE once IS NOT NULL DO NOTHING RETURNING id
                    """,
                    [
                        .integer(event.at.milliseconds), .text(event.kind), .text(event.resource), .text(event.origin.rawValue),
                        .optional(event.job), .text(JSONValue.object(event.data).text), .optional(entry.once),
                    ])
                guard let id = try row?.int64("id") else { continue }
                event.id = id
                written.append(event)
            }
            for subject in subjects { try Self.keep(connection, subject) }
            return written
        }
    }

    private static func keep(_ connection: Connection, _ subject: Subject) throws {
        guard let seen = subject.seen else {
            _ = try connection.execute(
                "DELETE FROM event_subject WHERE host = ? AND resource = ?", [.text(subject.host.text), .text(subject.resource)])
            return
        }
        _ = try connection.execute(
            """
            INSERT INTO event_subject (host, resource, seen) VALUES (?, ?, ?)
            ON CONFLICT (host, resource) DO UPDATE SET seen = excluded.seen
            """, [.text(subject.host.text), .text(subject.resource), .text(seen.text)])
    }

    /// Everything that was seen last, of the hosts that are configured; what is kept of others goes.
    func subjects(of hosts: [HostName]) async throws -> [Subject] {
        let known = Set(hosts.map(\.text))
        let all = try await database.read { connection in
            try connection.query("SELECT host, resource, seen FROM event_subject").map { row in
                Subject(
                    host: HostName(try row.string("host")), resource: try row.string("resource"),
                    seen: try? JSONReader.parse(Array(try row.string("seen").utf8), limits: .own))
            }
        }
        let foreign = Set(all.map(\.host.text)).subtracting(known)
        if !foreign.isEmpty {
            try await database.write { connection in
                for host in foreign { _ = try connection.execute("DELETE FROM event_subject WHERE host = ?", [.text(host)]) }
            }
        }
        return all.filter { known.contains($0.host.text) }
    }

    /// Up to `limit` events: those after `after`, oldest first; or, without it, the newest before `before`, newest first.
    func page(_ filter: EventFilter, after: Int64?, before: Int64?, limit: Int) async throws -> [Event] {
        let condition = filter.condition
        return try await database.read { connection in
            var sql = "SELECT id, at, kind, resource, origin, job, data FROM event WHERE id > ?"
            var values: [SQLValue] = [.integer(after ?? 0)]
            if let before {
                sql += " AND id < ?"
                values.append(.integer(before))
            }
            sql += condition.sql + " ORDER BY id \(after == nil ? "DESC" : "ASC") LIMIT ?"
            return try connection.query(sql, values + condition.values + [.integer(Int64(limit))]).map(Self.event)
        }
    }

    private static func event(_ row: Row) throws -> Event {
        let data = try? JSONReader.parse(Array(try row.string("data").utf8), limits: .own)
        return Event(
            id: try row.int64("id"), at: Timestamp(milliseconds: try row.int64("at")), kind: try row.string("kind"),
            resource: try row.string("resource"), origin: Event.Origin(rawValue: try row.string("origin")) ?? .external,
            job: try row.optionalString("job"), data: data?.objectValue ?? JSONObject())
    }

    /// The ids of the oldest and the newest event that are kept; the newest that ever was counts, also if it went.
    func bounds() async throws -> (first: Int64, last: Int64) {
        try await database.read { connection in
            let last = try connection.queryOne("SELECT seq FROM sqlite_sequence WHERE name = 'event'")?.int64("seq") ?? 0
            let first = try connection.queryOne("SELECT id FROM event ORDER BY id LIMIT 1")?.int64("id") ?? last + 1
            return (first, last)
        }
    }

    /// Deletes what is older than `time`, and all but the newest `rows`, at most 1000 at once; answers how many went.
    func purge(before time: Timestamp, keeping rows: Int) async throws -> Int {
        try await database.write { connection in
            let last = try connection.queryOne("SELECT max(id) AS id FROM event")?.optionalInt64("id") ?? 0
            return try connection.execute(
                """
                DELETE FROM event WHERE id IN (SELECT id FROM event WHERE id <= ? OR at < ? ORDER BY id LIMIT 1000)
                """, [.integer(last - Int64(rows)), .integer(time.milliseconds)])
        }
    }
}
