internal import CSQLite
internal import Platform
internal import Synchronization

/// The thread that owns the one writing connection. What queued up while a COMMIT ran shares the next one.
final class Writer: Sendable {
    private struct State {
        var queue: [PendingWrite] = []
        /// When the queue is written at the latest; nil: at once.
        var due: ContinuousClock.Instant?
        var isClosing = false
        /// The log is to be emptied as soon as no reader needs it.
        var isLogUnwanted = false
        /// That is to be tried now, though nothing is queued.
        var isLogDue = false
        var hasEnded = false
        var waiting: [CheckedContinuation<Void, Never>] = []
        var commits = 0
        var writes = 0
    }

    /// A batch ends at this many items or this much time, so that the first of it need not wait for ever.
    private static let batchItems = 1024
    private static let batchTime: Duration = .milliseconds(50)
    private static let capacity = 65_536

    private let monitor = Monitor(State())
    private let fault: @Sendable (CommitStage) throws -> Void

    init(fault: @escaping @Sendable (CommitStage) throws -> Void) { self.fault = fault }

    /// Transactions committed and changes in them so far.
    var counts: (commits: Int, writes: Int) { monitor.withLock { ($0.commits, $0.writes) } }

    /// Changes queued behind the batch that runs.
    var waiting: Int { monitor.withLock { $0.queue.count } }

    /// Starts the thread `gantry-db`. It holds this object until `close()`.
    func start(_ connection: sending Connection) throws(SystemCallError) {
        let slot = ConnectionSlot(connection)
        try PosixThread.start(name: "gantry-db", stackBytes: 1 << 20) { self.work(slot) }
    }

    /// - Parameter patience: how long it may wait for another one to share its commit with.
    func enqueue(_ item: PendingWrite, patience: Duration = .zero) throws(SQLiteError) {
        let isNew = try monitor.withLock { state throws(SQLiteError) in
            guard !state.isClosing else { throw .closed("Database.write") }
            guard state.queue.count < Self.capacity else {
                throw SQLiteError(code: SQLITE_BUSY, message: "the queue of writes is full", function: "Database.write")
            }
            let isFirst = state.queue.isEmpty
            state.queue.append(item)
            if patience <= .zero {
                state.due = nil
            } else if isFirst {
                state.due = .now + patience
            }
            return isFirst || patience <= .zero
        }
        if isNew { monitor.signal() }
    }

    /// Has the log put back into the file and emptied, now or after one of the next writes.
    func forgetLog() {
        monitor.withLock { state in
            state.isLogUnwanted = true
            state.isLogDue = true
        }
        monitor.signal()
    }

    /// Ends the thread once what is queued has run.
    func requestClose() {
        monitor.withLock { $0.isClosing = true }
        monitor.signal()
    }

    func close() async {
        await withCheckedContinuation { continuation in
            let hasEnded = monitor.withLock { state in
                state.isClosing = true
                if !state.hasEnded { state.waiting.append(continuation) }
                return state.hasEnded
            }
            if hasEnded { continuation.resume() } else { monitor.signal() }
        }
    }

    private func work(_ slot: ConnectionSlot) {
        while let items = nextItems() {
            var start = 0
            while start < items.count {
                let first = start
                start = (try? slot.use("Writer") { self.runBatch(items, from: first, on: $0) }) ?? items.count
            }
            if monitor.withLock({ $0.isLogUnwanted }) { emptyLog(slot) }
        }
        // The log goes back into the file, so that a copy of the file alone is whole.
        _ = try? slot.use("Writer") { try $0.query("PRAGMA wal_checkpoint(TRUNCATE)") }
        slot.close()
        let waiting = monitor.withLock { state in
            state.hasEnded = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Never waits for a reader: then the next write tries again.
    private func emptyLog(_ slot: ConnectionSlot) {
        let isBusy = try? slot.use("Writer") { connection in
            _ = try connection.query("PRAGMA busy_timeout = 0")
            defer { _ = try? connection.query("PRAGMA busy_timeout = \(Database.busyMilliseconds)") }
            return try connection.queryOne("PRAGMA wal_checkpoint(TRUNCATE)")?.int64(0) != 0
        }
        if isBusy == false { monitor.withLock { $0.isLogUnwanted = false } }
    }

    /// Everything that is queued, once something of it is due; nil when closing and empty.
    private func nextItems() -> [PendingWrite]? {
        while true {
            let (items, left) = monitor.wait { state -> ([PendingWrite]?, Duration?)? in
                let left = state.isClosing || state.isLogDue ? nil : state.due.map { ContinuousClock.now.duration(to: $0) }
                if !state.queue.isEmpty, let left, left > .zero { return (nil, left) }
                guard !state.queue.isEmpty || state.isLogDue else { return state.isClosing ? (nil, nil) : nil }
                state.isLogDue = false
                state.due = nil
                defer { state.queue = [] }
                return (state.queue, nil)
            }
            guard let left else { return items }
            _ = monitor.wait(for: left) { state in state.due == nil || state.isClosing || state.isLogDue ? true : nil }
        }
    }

    /// One transaction over the items from `start` on; answers where the next one begins.
    private func runBatch(_ items: [PendingWrite], from start: Int, on connection: Connection) -> Int {
        var end = start
        var succeeded: [(item: PendingWrite, resume: @Sendable () -> Void)] = []
        var failed: [(item: PendingWrite, error: any Error)] = []
        do {
            try fault(.begin)
            try connection.execute("BEGIN IMMEDIATE")
            let limit = ContinuousClock.now.advanced(by: Self.batchTime)
            while end < items.count, end - start < Self.batchItems {
                let item = items[end]
                end += 1
                do {
                    succeeded.append((item, try Self.apply(item, on: connection)))
                } catch {
                    failed.append((item, error))
                    // SQLite gave up the whole transaction: the items before went with it.
                    if !connection.isInTransaction { throw error }
                }
                if ContinuousClock.now > limit { break }
            }
            try fault(.commit)
            try connection.execute("COMMIT")
            monitor.withLock { state in
                state.commits += 1
                state.writes += succeeded.count
            }
        } catch {
            // Also after a failed COMMIT the transaction may still be open.
            if connection.isInTransaction { _ = try? connection.execute("ROLLBACK") }
            for entry in failed { entry.item.fail(entry.error) }
            for entry in succeeded { entry.item.fail(error) }
            // BEGIN failed, so none ran: all that would have shared this transaction are answered.
            if end == start {
                end = min(items.count, start + Self.batchItems)
                for item in items[start..<end] { item.fail(error) }
            }
            return end
        }
        try? fault(.committed)
        for entry in succeeded { entry.resume() }
        for entry in failed { entry.item.fail(entry.error) }
        return end
    }

    /// One item in its own savepoint, so that its failure undoes it alone.
    private static func apply(_ item: PendingWrite, on connection: Connection) throws -> @Sendable () -> Void {
        try connection.execute("SAVEPOINT item")
        do {
            let resume = try item.apply(connection)
            guard connection.isInTransaction else {
                throw SQLiteError(code: SQLITE_MISUSE, message: "a write must not end the transaction itself", function: "Database.write")
            }
            try connection.execute("RELEASE item")
            return resume
        } catch {
            if connection.isInTransaction {
                do {
                    try connection.execute("ROLLBACK TO item")
                    try connection.execute("RELEASE item")
                } catch {
                    // What cannot be undone alone must not be committed with the others: the whole batch goes.
                    _ = try? connection.execute("ROLLBACK")
                }
            }
            throw error
        }
    }
}
