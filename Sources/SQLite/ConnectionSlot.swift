internal import Synchronization

/// Hands a connection to one thread at a time, until it is closed.
final class ConnectionSlot: Sendable {
    private let connection: Mutex<Connection?>

    init(_ connection: sending Connection) { self.connection = Mutex(connection) }

    /// Runs `body` with the connection; other callers wait meanwhile.
    func use<Result: Sendable>(_ function: String, _ body: @Sendable (Connection) throws -> Result) throws -> Result {
        try connection.withLock { connection in
            guard let connection else { throw SQLiteError.closed(function) }
            return try body(connection)
        }
    }

    func close() { connection.withLock { $0 = nil } }
}
