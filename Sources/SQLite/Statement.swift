internal import CSQLite

/// One prepared statement (sqlite3_stmt): finalised when let go. Belongs to the thread that holds its connection.
final class Statement {
    let sql: String
    /// A nested use of the same SQL must get a statement of its own.
    var isInUse = false
    private let pointer: OpaquePointer
    private let connection: OpaquePointer
    private var names: ColumnNames?
    private var preparations: Int32 = 0

    /// sqlite3_prepare_v3 with SQLITE_PREPARE_PERSISTENT. Refuses empty text and more than one statement.
    init(_ sql: String, connection: OpaquePointer) throws(SQLiteError) {
        var pointer: OpaquePointer?
        var rest = 0
        var text = sql
        let code = text.withUTF8 { bytes -> Int32 in
            guard let count = Int32(exactly: bytes.count) else { return SQLITE_TOOBIG }
            return bytes.withMemoryRebound(to: CChar.self) { chars in
                var tail: UnsafePointer<CChar>?
                let code = sqlite3_prepare_v3(connection, chars.baseAddress, count, UInt32(SQLITE_PREPARE_PERSISTENT), &pointer, &tail)
                if let tail, let start = chars.baseAddress {
                    rest = chars[min(max(tail - start, 0), chars.count)...].count { ![9, 10, 13, 32, 59].contains($0) }
                }
                return code
            }
        }
        guard code == SQLITE_OK else { throw SQLiteError("sqlite3_prepare_v3", code: code, handle: connection, sql: sql) }
        guard let pointer else {
            throw SQLiteError(code: SQLITE_MISUSE, message: "the text holds no statement", function: "sqlite3_prepare_v3", sql: sql)
        }
        guard rest == 0 else {
            sqlite3_finalize(pointer)
            throw SQLiteError(code: SQLITE_MISUSE, message: "text after the first statement", function: "sqlite3_prepare_v3", sql: sql)
        }
        self.sql = sql
        self.pointer = pointer
        self.connection = connection
    }

    deinit { sqlite3_finalize(pointer) }

    func bind(_ values: [SQLValue]) throws(SQLiteError) {
        guard sqlite3_bind_parameter_count(pointer) == values.count else {
            throw SQLiteError(
                code: SQLITE_RANGE, message: "\(sqlite3_bind_parameter_count(pointer)) values are needed, \(values.count) given",
                function: "sqlite3_bind", sql: sql)
        }
        var index: Int32 = 0
        for value in values {
            index += 1
            let code = bind(value, at: index)
            if code != SQLITE_OK { throw SQLiteError("sqlite3_bind", code: code, handle: connection, sql: sql) }
        }
    }

    private func bind(_ value: SQLValue, at index: Int32) -> Int32 {
        switch value {
        case .null: return sqlite3_bind_null(pointer, index)
        case .integer(let value): return sqlite3_bind_int64(pointer, index, value)
        case .real(let value): return sqlite3_bind_double(pointer, index, value)
        case .text(var value):
            return value.withUTF8 { bytes in
                guard let count = Int32(exactly: bytes.count) else { return SQLITE_TOOBIG }
                // Empty text has no address, and a nil address would bind NULL.
                guard count > 0 else { return gantry_sqlite3_bind_text(pointer, index, "", 0) }
                return bytes.withMemoryRebound(to: CChar.self) { gantry_sqlite3_bind_text(pointer, index, $0.baseAddress, count) }
            }
        case .blob(let value):
            return value.withUnsafeBytes { bytes in
                guard let count = Int32(exactly: bytes.count) else { return SQLITE_TOOBIG }
                return count == 0
                    ? sqlite3_bind_zeroblob(pointer, index, 0) : gantry_sqlite3_bind_blob(pointer, index, bytes.baseAddress, count)
            }
        }
    }

    /// sqlite3_step: true while there is a row.
    func step() throws(SQLiteError) -> Bool {
        let code = sqlite3_step(pointer)
        switch code {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default: throw SQLiteError("sqlite3_step", code: code, handle: connection, sql: sql)
        }
    }

    /// The current row, copied.
    func row() -> Row {
        let count = sqlite3_data_count(pointer)
        var values = [SQLValue]()
        values.reserveCapacity(Int(count))
        for index in 0..<max(count, 0) { values.append(value(index)) }
        return Row(names: columnNames(), values: values)
    }

    private func value(_ index: Int32) -> SQLValue {
        switch sqlite3_column_type(pointer, index) {
        case SQLITE_INTEGER: return .integer(sqlite3_column_int64(pointer, index))
        case SQLITE_FLOAT: return .real(sqlite3_column_double(pointer, index))
        case SQLITE_TEXT:
            // The pointer first, then the count: sqlite3_column_bytes counts in the encoding last asked for.
            let text = sqlite3_column_text(pointer, index)
            let count = Int(sqlite3_column_bytes(pointer, index))
            return .text(String(decoding: UnsafeBufferPointer(start: text, count: text == nil ? 0 : count), as: UTF8.self))
        case SQLITE_BLOB:
            let bytes = sqlite3_column_blob(pointer, index)
            let count = Int(sqlite3_column_bytes(pointer, index))
            return .blob(Array(UnsafeRawBufferPointer(start: bytes, count: bytes == nil ? 0 : count)))
        default: return .null
        }
    }

    private func columnNames() -> ColumnNames {
        // After a schema change SQLite prepares the statement anew by itself, maybe with other columns (`SELECT *`).
        let preparations = sqlite3_stmt_status(pointer, SQLITE_STMTSTATUS_REPREPARE, 0)
        if let names, preparations == self.preparations { return names }
        let list = (0..<max(sqlite3_column_count(pointer), 0)).map { index in
            sqlite3_column_name(pointer, index).map { String(cString: $0) } ?? ""
        }
        let names = ColumnNames(list)
        self.names = names
        self.preparations = preparations
        return names
    }

    /// Makes it ready for the next use and lets go of the bound values.
    func reset() {
        sqlite3_reset(pointer)
        sqlite3_clear_bindings(pointer)
    }
}
