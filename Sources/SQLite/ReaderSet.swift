internal import Platform

/// The reading connections with a thread for each.
final class ReaderSet: Sendable {
    private let pool: BlockingPool
    private let slots: [ConnectionSlot]
    private let free: Monitor<[Int]>

    init(path: String, count: Int, capacity: Int) throws {
        var slots: [ConnectionSlot] = []
        for _ in 0..<count { slots.append(ConnectionSlot(try Database.openReader(path, busyMilliseconds: 5000))) }
        self.slots = slots
        free = Monitor(Array(0..<count))
        pool = try BlockingPool(name: "gantry-dbread", threads: count, capacity: capacity)
    }

    func run<Result: Sendable>(_ body: @escaping @Sendable (Connection) throws -> Result) async throws -> Result {
        try await pool.run { [free, slots] in
            // As many threads as connections: one is always free here.
            let index = free.withLock { $0.popLast() } ?? 0
            defer { free.withLock { $0.append(index) } }
            return try slots[index].use("Database.read") { try Database.inSnapshot($0, body) }
        }
    }

    func close() {
        pool.close()
        for slot in slots { slot.close() }
    }
}
