internal import CSQLite
internal import Glibc

/// A failed SQLite call: its result codes, message and the C function (sqlite.org/rescode.html).
package struct SQLiteError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The extended result code, such as 2067 (SQLITE_CONSTRAINT_UNIQUE).
    package let extendedCode: Int32
    package let message: String
    /// The C function that failed, or the rule of this module that refused.
    package let function: String
    /// The statement, without its bound values.
    package let sql: String?
    /// `errno` of the system call below, where SQLite kept one; else 0.
    package let systemCode: Int32

    package init(code: Int32, message: String, function: String, sql: String? = nil, systemCode: Int32 = 0) {
        extendedCode = code
        self.message = message
        self.function = function
        self.sql = sql
        self.systemCode = systemCode
    }

    /// What the connection says about its last failed call. Must run on the thread of that call.
    init(_ function: String, code: Int32, handle: OpaquePointer?, sql: String? = nil) {
        let text = handle.flatMap { sqlite3_errmsg($0) } ?? sqlite3_errstr(code)
        self.init(
            code: handle.map { sqlite3_extended_errcode($0) }.flatMap { $0 & 0xff == code & 0xff ? $0 : nil } ?? code,
            message: text.map { String(cString: $0) } ?? "code \(code)",
            function: function, sql: sql, systemCode: handle.map { sqlite3_system_errno($0) } ?? 0)
    }

    /// The primary result code, such as 19 (SQLITE_CONSTRAINT).
    package var code: Int32 { extendedCode & 0xff }

    /// No room on the file system, no quota left, or `max_page_count` reached. Later writes work once there is room.
    package var isDiskFull: Bool {
        code == SQLITE_FULL || (code == SQLITE_IOERR && (systemCode == ENOSPC || systemCode == EDQUOT))
    }
    /// Another connection holds the lock, or the queue of writes is full: trying again can help.
    package var isBusy: Bool { code == SQLITE_BUSY || code == SQLITE_LOCKED }
    /// A UNIQUE, CHECK, NOT NULL or FOREIGN KEY rule of the schema refused the change.
    package var isConstraint: Bool { code == SQLITE_CONSTRAINT }
    /// A UNIQUE or PRIMARY KEY rule refused the change: the row is there already.
    package var isUniqueConstraint: Bool {
        extendedCode == SQLITE_CONSTRAINT | (8 << 8) || extendedCode == SQLITE_CONSTRAINT | (6 << 8)
    }
    /// The file is damaged, or no database.
    package var isCorrupt: Bool { code == SQLITE_CORRUPT || code == SQLITE_NOTADB }

    package var description: String {
        "\(function): \(message) (SQLite code \(extendedCode)\(systemCode == 0 ? "" : ", errno \(systemCode)"))\(sql.map { " in: \($0)" } ?? "")"
    }

    static func closed(_ function: String) -> SQLiteError {
        SQLiteError(code: SQLITE_MISUSE, message: "the database is closed", function: function)
    }
}
