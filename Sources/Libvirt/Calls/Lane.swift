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
    let threads: Int
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

    /// Calls in hand and calls that wait for a thread.
    var load: Int { state.withLock { $0.pool?.load ?? 0 } }

    func close() {
        state.withLock { state in
            state.isClosed = true
            state.pool?.close()
        }
    }

    /// Makes a call that changes something: awaits its true end. `function` names it in errors.
    func perform<Result: Sendable>(
        _ function: String, _ lend: @escaping @Sendable () throws(HypervisorError) -> ConnectionLease,
        _ body: @escaping @Sendable (ConnectionLease) throws -> Result
    ) async throws(HypervisorError) -> Result {
        do {
            return try await pool().run { try Self.attempt(lend(), function, body) }
        } catch {
            throw HypervisorError(error, function: function)
        }
    }

    /// Makes a call that only reads: `timeout` after `deadline`, waiting for a thread included.
    func read<Result: Sendable>(
        _ function: String, deadline: Duration, _ lend: @escaping @Sendable () throws(HypervisorError) -> ConnectionLease,
        _ body: @escaping @Sendable (ConnectionLease) throws -> Result
    ) async throws(HypervisorError) -> Result {
        do {
            return try await pool().run(deadline: deadline) { try Self.attempt(lend(), function, body) }
        } catch {
            throw HypervisorError(error, function: function)
        }
    }

    /// Blocking work that needs no connection.
    func run(_ function: String, deadline: Duration, _ body: @escaping @Sendable () throws -> Void) async throws(HypervisorError) {
        do {
            try await pool().run(deadline: deadline, body)
        } catch {
            throw HypervisorError(error, function: function)
        }
    }

    private static func attempt<Result>(
        _ lease: ConnectionLease, _ function: String, _ body: (ConnectionLease) throws -> Result
    ) throws -> Result {
        if let loss = lease.connection.loss { throw HypervisorError(.connectionLost, loss, function: function) }
        do {
            return try body(lease)
        } catch {
            let mapped = HypervisorError(error, function: function)
            if mapped.code == .connectionLost { lease.noteLoss(mapped.message) }
            throw mapped
        }
    }
}
