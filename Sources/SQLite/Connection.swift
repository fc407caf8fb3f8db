internal import CSQLite

/// One database connection (sqlite3). Not Sendable: a closure gets it for the length of one transaction and must not keep it.
///
/// Statements are prepared once per SQL text and kept, so give values as parameters (`?1`), never inside the text.
package final class Connection {
    /// Statements kept per connection: filters of lists make some hundred texts at most.
    private static let cachedStatements = 256

    private let handle: OpaquePointer
    private var statements: [String: Statement] = [:]

    /// sqlite3_open_v2 in no-mutex mode: one thread at a time may use the connection.
    init(path: String, busyMilliseconds: Int32) throws(SQLiteError) {
        var handle: OpaquePointer?
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX
        let code = sqlite3_open_v2(path, &handle, flags, nil)
        guard code == SQLITE_OK, let handle else {
            // A handle comes back even from a failed open.
            let error = SQLiteError("sqlite3_open_v2", code: code, handle: handle)
            sqlite3_close_v2(handle)
            throw SQLiteError(
                code: error.extendedCode, message: "\(error.message): \(path)", function: error.function, systemCode: error.systemCode)
        }
        self.handle = handle
        sqlite3_extended_result_codes(handle, 1)
        sqlite3_busy_timeout(handle, busyMilliseconds)
    }

    deinit {
        statements.removeAll()
        sqlite3_close_v2(handle)
    }

    /// Runs one statement to its end and answers how many rows it inserted, changed or deleted.
    @discardableResult
    package func execute(_ sql: String, _ values: [SQLValue] = []) throws(SQLiteError) -> Int {
        let before = sqlite3_total_changes64(handle)
        try withStatement(sql, values) { (statement) throws(SQLiteError) in
            while try statement.step() {}
        }
        // sqlite3_changes64 keeps the figure of the last change, also over statements that change no row.
        return sqlite3_total_changes64(handle) == before ? 0 : Int(sqlite3_changes64(handle))
    }

    /// All rows of one statement. A statement with RETURNING is run to its end, as it must be before the commit.
    package func query(_ sql: String, _ values: [SQLValue] = []) throws(SQLiteError) -> [Row] {
        try withStatement(sql, values) { (statement) throws(SQLiteError) in
            var rows: [Row] = []
            while try statement.step() { rows.append(statement.row()) }
            return rows
        }
    }

    /// The first row, or nil.
    package func queryOne(_ sql: String, _ values: [SQLValue] = []) throws(SQLiteError) -> Row? {
        try withStatement(sql, values) { (statement) throws(SQLiteError) in
            var first: Row?
            while try statement.step() { if first == nil { first = statement.row() } }
            return first
        }
    }

    /// Calls `body` for each row, without keeping them.
    package func each(_ sql: String, _ values: [SQLValue] = [], _ body: (Row) throws -> Void) throws {
        let statement = try statement(sql)
        defer { finish(statement) }
        try statement.bind(values)
        while try statement.step() { try body(statement.row()) }
    }

    /// The rowid of the last inserted row (sqlite3_last_insert_rowid).
    package var lastInsertedRow: Int64 { sqlite3_last_insert_rowid(handle) }

    /// Runs several statements without values (sqlite3_exec); for schema upgrades.
    package func executeScript(_ sql: String) throws(SQLiteError) {
        let code = sqlite3_exec(handle, sql, nil, nil, nil)
        if code != SQLITE_OK { throw SQLiteError("sqlite3_exec", code: code, handle: handle, sql: sql) }
    }

    /// Whether a transaction is open (sqlite3_get_autocommit): SQLite aborts it by itself after some errors.
    var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    private func withStatement<Result>(
        _ sql: String, _ values: [SQLValue], _ body: (Statement) throws(SQLiteError) -> Result
    ) throws(SQLiteError) -> Result {
        let statement = try statement(sql)
        defer { finish(statement) }
        try statement.bind(values)
        return try body(statement)
    }

    private func statement(_ sql: String) throws(SQLiteError) -> Statement {
        if let statement = statements[sql], !statement.isInUse {
            statement.isInUse = true
            return statement
        }
        let statement = try Statement(sql, connection: handle)
        statement.isInUse = true
        // Full means somebody builds texts without end; starting over keeps memory bounded.
        if statements.count >= Self.cachedStatements { statements.removeAll() }
        if statements[sql] == nil { statements[sql] = statement }
        return statement
    }

    private func finish(_ statement: Statement) {
        statement.reset()
        statement.isInUse = false
    }
}
