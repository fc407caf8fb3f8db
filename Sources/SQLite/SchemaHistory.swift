internal import CSQLite
internal import Platform

/// Brings a database to the program's schema, and refuses what is not ours or newer.
enum SchemaHistory {
    /// "GNTR" in the file's header (PRAGMA application_id).
    static let applicationID: Int64 = 0x474e_5452

    static func apply(_ upgrades: [SchemaUpgrade], to connection: Connection) throws(SQLiteError) {
        try claim(connection)
        let applied = try connection.query("SELECT name FROM schema_upgrades ORDER BY position")
        for (index, row) in applied.enumerated() {
            let name = try row.string("name")
            guard index < upgrades.count else {
                throw refusal(
                    "the database was made by a newer version of this program: it has the schema upgrade \"\(name)\", unknown here")
            }
            guard upgrades[index].name == name else {
                throw refusal("the database's schema upgrade \(index + 1) is \"\(name)\", this program's is \"\(upgrades[index].name)\"")
            }
        }
        for (index, upgrade) in upgrades.enumerated().dropFirst(applied.count) {
            try transaction(connection) { () throws(SQLiteError) in
                try connection.executeScript(upgrade.sql)
                try connection.execute(
                    "INSERT INTO schema_upgrades (position, name, applied_at) VALUES (?1, ?2, ?3)",
                    [.integer(Int64(index + 1)), .text(upgrade.name), .integer(Timestamp.now().milliseconds)])
            }
        }
    }

    /// Marks an empty file as ours; refuses a database of another program.
    private static func claim(_ connection: Connection) throws(SQLiteError) {
        let identity = try connection.queryOne("PRAGMA application_id")?.int64(0)
        if identity == applicationID { return }
        guard identity == 0, try connection.queryOne("SELECT 1 FROM sqlite_schema") == nil else {
            throw refusal("the file is a database of another program")
        }
        try transaction(connection) { () throws(SQLiteError) in
            try connection.executeScript(
                """
                CREATE TABLE schema_upgrades (
                    position INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, applied_at INTEGER NOT NULL
                ) STRICT;
                PRAGMA application_id = \(applicationID);
                """)
        }
    }

    private static func transaction(_ connection: Connection, _ body: () throws(SQLiteError) -> Void) throws(SQLiteError) {
        try connection.execute("BEGIN IMMEDIATE")
        do {
            try body()
            try connection.execute("COMMIT")
        } catch {
            if connection.isInTransaction { _ = try? connection.execute("ROLLBACK") }
            throw error
        }
    }

    private static func refusal(_ message: String) -> SQLiteError {
        SQLiteError(code: SQLITE_SCHEMA, message: message, function: "SchemaHistory")
    }
}
