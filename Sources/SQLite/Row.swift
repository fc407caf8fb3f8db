internal import CSQLite

/// One row of a result, copied out of SQLite: it may outlive the statement.
package struct Row: Sendable {
    let names: ColumnNames
    let values: [SQLValue]

    package var count: Int { values.count }
    package var columns: [String] { names.list }

    /// The value of a column by name or position; nil where there is no such column.
    package subscript(column: some ColumnReference) -> SQLValue? {
        column.position(in: names).flatMap { values.indices.contains($0) ? values[$0] : nil }
    }

    package func isNull(_ column: some ColumnReference) -> Bool { self[column] == .null }

    package func int64(_ column: some ColumnReference) throws(SQLiteError) -> Int64 {
        guard case .integer(let value) = self[column] else { throw mismatch(column, "an integer") }
        return value
    }

    package func optionalInt64(_ column: some ColumnReference) throws(SQLiteError) -> Int64? {
        isNull(column) ? nil : try int64(column)
    }

    /// An integer other than 0 is true.
    package func bool(_ column: some ColumnReference) throws(SQLiteError) -> Bool { try int64(column) != 0 }

    package func double(_ column: some ColumnReference) throws(SQLiteError) -> Double {
        switch self[column] {
        case .real(let value): return value
        case .integer(let value): return Double(value)
        default: throw mismatch(column, "a number")
        }
    }

    package func optionalDouble(_ column: some ColumnReference) throws(SQLiteError) -> Double? {
        isNull(column) ? nil : try double(column)
    }

    package func string(_ column: some ColumnReference) throws(SQLiteError) -> String {
        guard case .text(let value) = self[column] else { throw mismatch(column, "text") }
        return value
    }

    package func optionalString(_ column: some ColumnReference) throws(SQLiteError) -> String? {
        isNull(column) ? nil : try string(column)
    }

    /// The bytes of a BLOB or of TEXT (JSON is kept as text and handed on as bytes).
    package func blob(_ column: some ColumnReference) throws(SQLiteError) -> [UInt8] {
        switch self[column] {
        case .blob(let value): return value
        case .text(let value): return Array(value.utf8)
        default: throw mismatch(column, "a blob or text")
        }
    }

    package func optionalBlob(_ column: some ColumnReference) throws(SQLiteError) -> [UInt8]? {
        isNull(column) ? nil : try blob(column)
    }

    private func mismatch(_ column: some ColumnReference, _ wanted: String) -> SQLiteError {
        let seen: String =
            switch self[column] {
            case nil: "there is no such column"
            case .null: "it is NULL"
            case .integer: "it is an integer"
            case .real: "it is a real"
            case .text: "it is text"
            case .blob: "it is a blob"
            }
        return SQLiteError(code: SQLITE_MISMATCH, message: "column \(column) should be \(wanted), but \(seen)", function: "Row")
    }
}

/// A column by its name (`String`) or its position from 0 (`Int`).
package protocol ColumnReference {
    func position(in names: ColumnNames) -> Int?
}

extension Int: ColumnReference {
    package func position(in names: ColumnNames) -> Int? { self }
}

extension String: ColumnReference {
    package func position(in names: ColumnNames) -> Int? { names.list.firstIndex(of: self) }
}
