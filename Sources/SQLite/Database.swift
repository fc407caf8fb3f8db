internal import CSQLite
internal import Platform

/// A SQLite database file: one writer on its own thread, readers beside it (write-ahead logging), every commit durable.
package final class Database: Sendable {
    private let writer: Writer
    private let readers: ReaderSet
    private let pointReader: ConnectionSlot

    /// Opens or makes the database and applies the schema upgrades it lacks. Blocks; call it at the start.
    ///
    /// Throws if the file is on a network file system, damaged, of another program, or made by a newer version.
    package static func open(
        path: String, schema: [SchemaUpgrade], options: DatabaseOptions = DatabaseOptions()
    ) throws(SQLiteError) -> Database {
        guard sqlite3_threadsafe() != 0 else {
            throw SQLiteError(code: SQLITE_MISUSE, message: "this SQLite is built without threads", function: "sqlite3_threadsafe")
        }
        try DatabaseFile.prepare(path)
        let connection = try openWriter(path, options)
        try SchemaHistory.apply(schema, to: connection)
        do {
            let readers = try ReaderSet(path: path, count: max(1, options.readers), capacity: options.waitingReads)
            let pointReader = ConnectionSlot(try openReader(path, busyMilliseconds: 250))
            let writer = Writer(fault: options.fault)
            try writer.start(connection)
            return Database(writer: writer, readers: readers, pointReader: pointReader)
        } catch let error as SQLiteError {
            throw error
        } catch {
            throw SQLiteError(code: SQLITE_NOMEM, message: "\(error)", function: "Database.open")
        }
    }

    private init(writer: Writer, readers: ReaderSet, pointReader: ConnectionSlot) {
        self.writer = writer
        self.readers = readers
        self.pointReader = pointReader
    }

    deinit {
        readers.close()
        pointReader.close()
        writer.requestClose()
    }

    /// Runs `body` in a transaction and answers after the commit is on the disk.
    ///
    /// Several writes share one commit. If `body` throws, its changes alone are undone and the error comes back; if the commit
    /// fails, all of the batch fail with that error. Once queued a write runs, also if the task is cancelled meanwhile.
    /// `body` runs on the writer's thread and should take well under a millisecond.
    ///
    /// - Parameter patience: how long it may wait for another write to share its commit with; zero for none.
    @discardableResult
    package func write<Result: Sendable>(
        patience: Duration = .zero, _ body: @escaping @Sendable (Connection) throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Result, any Error>) in
            do {
                try writer.enqueue(
                    PendingWrite(
                        apply: { connection in
                            let result = try body(connection)
                            return { continuation.resume(returning: result) }
                        },
                        fail: { continuation.resume(throwing: $0) }), patience: patience)
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }

    /// Runs `body` on a reader's thread over one unchanging view of the database. Throws `BlockingPoolError.full` under overload.
    package func read<Result: Sendable>(_ body: @escaping @Sendable (Connection) throws -> Result) async throws -> Result {
        try await readers.run(body)
    }

    /// Runs `body` on the caller's thread. Only for point reads by a key: everybody else who calls this waits meanwhile.
    package func readNow<Result: Sendable>(_ body: @Sendable (Connection) throws -> Result) throws -> Result {
        try pointReader.use("Database.readNow") { try Self.inSnapshot($0, body) }
    }

    /// Lets queued work run, puts the log back into the file and closes it. Later calls throw.
    package func close() async {
        readers.close()
        pointReader.close()
        await writer.close()
    }

    /// Has the write-ahead log emptied soon: what was deleted from the file is in it still, and in the file no more.
    package func forgetLog() { writer.forgetLog() }

    /// Commits made, and writes that were in them, since the start.
    package var commitCounts: (commits: Int, writes: Int) { writer.counts }

    /// Writes queued behind the batch that runs.
    package var waitingWrites: Int { writer.waiting }

    /// A deferred transaction: all statements of `body` see the same state.
    static func inSnapshot<Result>(_ connection: Connection, _ body: (Connection) throws -> Result) throws -> Result {
        try connection.execute("BEGIN")
        defer {
            // A transaction left open would keep every later read of this connection from beginning its own.
            if (try? connection.execute("COMMIT")) == nil, connection.isInTransaction { _ = try? connection.execute("ROLLBACK") }
        }
        return try body(connection)
    }

    /// How long the writer waits for another process on the same file.
    static let busyMilliseconds: Int32 = 5000

    private static func openWriter(_ path: String, _ options: DatabaseOptions) throws(SQLiteError) -> sending Connection {
        let connection = try Connection(path: path, busyMilliseconds: busyMilliseconds)
        // Before the first table: later it would take a VACUUM.
        try connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        let mode = try connection.queryOne("PRAGMA journal_mode = WAL")?.string(0)
        guard mode == "wal" else {
            throw SQLiteError(
                code: SQLITE_CANTOPEN, message: "write-ahead logging is not possible here (\(mode ?? "?"))", function: "PRAGMA journal_mode"
            )
        }
        try connection.executeScript(
            """
            PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
            PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 67108864;
            """)
        if let limit = options.pageLimit { try connection.execute("PRAGMA max_page_count = \(limit)") }
        if DatabaseFile.size(path) <= options.checkedBytes {
            let answer = try connection.queryOne("PRAGMA quick_check(1)")?.string(0)
            guard answer == "ok" else {
                throw SQLiteError(code: SQLITE_CORRUPT, message: "\(path) is damaged: \(answer ?? "?")", function: "PRAGMA quick_check")
            }
        }
        // What a process was to forget (`forgetLog`) and then was killed is in its log still.
        _ = try? connection.query("PRAGMA wal_checkpoint(TRUNCATE)")
        return connection
    }

    static func openReader(_ path: String, busyMilliseconds: Int32) throws(SQLiteError) -> sending Connection {
        let connection = try Connection(path: path, busyMilliseconds: busyMilliseconds)
        try connection.executeScript("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY;")
        return connection
    }
}
