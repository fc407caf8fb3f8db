internal import Platform
internal import Synchronization

/// A few threads for work that takes long, started with the first of it.
final class LazyPool: Sendable {
    private let name: String
    private let threads: Int
    private let pool = Mutex<BlockingPool?>(nil)

    init(name: String, threads: Int) {
        self.name = name
        self.threads = threads
    }

    func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        let pool = try self.pool.withLock { pool in
            if let pool { return pool }
            let made = try BlockingPool(name: name, threads: threads)
            pool = made
            return made
        }
        return try await pool.run(body)
    }
}
