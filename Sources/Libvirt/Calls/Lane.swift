internal import Hypervisor
internal import Platform
internal import Synchronization

/// Some threads for the calls of one kind to one host, so that kinds do not hold each other up.
final class Lane: Sendable {
    private struct State {
        var pool: BlockingPool?
        var isClosed = false
    }

    let name: String
    private let threads: Int
    private let capacity: Int
    private let state = Mutex(State())

    init(name: String, threads: Int, capacity: Int = 4096) {
        self.name = name
        self.threads = threads
        self.capacity = capacity
    }

    deinit { close() }

    /// Started with the first call, as most hosts never use all lanes.
    private func pool() throws -> BlockingPool {
        try state.withLock { state in
            if state.isClosed { throw BlockingPoolError.closed }
            if let pool = state.pool { return pool }
            let pool = try BlockingPool(name: name, threads: threads, capacity: capacity)
            state.pool = pool
            return pool
        }
    }

    func close() {
        state.withLock { state in
            state.isClosed = true
            state.pool?.close()
        }
    }

    /// Makes a call that changes something: awaits its true end. `function` names it in errors.
    func perform<Result: Sendable>(
        on connection: OpenConnection, _ function: String, _ body: @escaping @Sendable (OpenConnection) throws -> Result
    ) async throws(HypervisorError) -> Result {
        do {
            return try await pool().run { try Self.attempt(connection, function, body) }
        } catch {
            throw HypervisorError(error, function: function)
        }
    }

    /// Makes a call that only reads: `timeout` after `deadline`, waiting for a thread included.
    func read<Result: Sendable>(
        on connection: OpenConnection, deadline: Duration, _ function: String,
        _ body: @escaping @Sendable (OpenConnection) throws -> Result
    ) async throws(HypervisorError) -> Result {
        do {
            return try await pool().run(deadline: deadline) { try Self.attempt(connection, function, body) }
        } catch {
            throw HypervisorError(error, function: function)
        }
    }

    private static func attempt<Result>(
        _ connection: OpenConnection, _ function: String, _ body: (OpenConnection) throws -> Result
    ) throws -> Result {
        if let loss = connection.loss { throw HypervisorError(.connectionLost, loss, function: function) }
        do {
            return try body(connection)
        } catch {
            let mapped = HypervisorError(error, function: function)
            if mapped.code == .connectionLost { connection.noteLoss(mapped.message) }
            throw mapped
        }
    }
}
