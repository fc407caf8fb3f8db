import Glibc
import SQLite
import Synchronization
import Testing

@Suite struct DatabaseTests {
    private static func names(_ database: Database) throws -> [String] {
        try database.readNow { try $0.query("SELECT name FROM items ORDER BY id").map { try $0.string("name") } }
    }

    @Test func writesAreSeenByReadersWhenAnswered() async throws {
        let scratch = try ScratchDatabase()
        let database = try scratch.open()
        for index in 0..<50 {
            let id = try await database.write { connection in
                try connection.execute("INSERT INTO items (name) VALUES (?1)", ["\(index)"])
                return connection.lastInsertedRow
            }
            #expect(
                try database.readNow { try $0.queryOne("SELECT name FROM items WHERE id = ?1", [.integer(id)])?.string(0) } == "\(index)")
            #expect(try await database.read { try $0.queryOne("SELECT count(*) FROM items")?.int64(0) } == Int64(index + 1))
        }
        await database.close()
    }

    @Test func concurrentWritesShareCommits() async throws {
        let scratch = try ScratchDatabase()
        let database = try scratch.open()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<64 {
                group.addTask {
                    for row in 0..<20 {
                        try await database.write { try $0.execute("INSERT INTO items (name) VALUES (?1)", ["\(writer)-\(row)"]) }
                    }
                }
            }
            try await group.waitForAll()
        }
        let counts = database.commitCounts
        #expect(counts.writes == 1280)
        #expect(counts.commits < 1280, "\(counts)")
        #expect(try Self.names(database).count == 1280)
        await database.close()
    }

    @Test func whatQueuedUpDuringACommitSharesTheNext() async throws {
        let gate = Gate()
        var options = DatabaseOptions()
        options.fault = { if $0 == .commit { gate.wait() } }
        let scratch = try ScratchDatabase()
        let database = try scratch.open(options: options)
        await withTaskGroup(of: Void.self) { group in
            func insert(_ name: String) {
                group.addTask {
                    await #expect(throws: Never.self) {
                        try await database.write { try $0.execute("INSERT INTO items (name) VALUES (?1)", [.text(name)]) }
                    }
                }
            }
            insert("first")
            let deadline = ContinuousClock.now.advanced(by: .seconds(60))
            // Until the first is at its commit, then until all others wait behind it.
            while !gate.isReached, ContinuousClock.now < deadline { await Task.yield() }
            for index in 0..<64 { insert("\(index)") }
            while database.waitingWrites < 64, ContinuousClock.now < deadline { await Task.yield() }
            gate.open()
        }
        #expect(database.commitCounts == (2, 65))
        await database.close()
    }

    @Test func aPatientWriteSharesTheNextCommit() async throws {
        let database = try ScratchDatabase().open()
        @Sendable func insert(_ name: String, patience: Duration = .zero) async throws {
            try await database.write(patience: patience) { try $0.execute("INSERT INTO items (name) VALUES (?1)", [.text(name)]) }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await insert("patient", patience: .seconds(600)) }
            while database.waitingWrites == 0 { await Task.yield() }
            try await insert("urgent")
            try await group.waitForAll()
        }
        #expect(database.commitCounts == (1, 2))
        // Nobody comes: then it goes alone.
        try await insert("alone", patience: .milliseconds(1))
        #expect(database.commitCounts == (2, 3))
        await database.close()
    }

    @Test func aPatientWriteIsNotLostAtTheEnd() async throws {
        let scratch = try ScratchDatabase()
        let database = try scratch.open()
        let write = Task {
            try await database.write(patience: .seconds(600)) { try $0.execute("INSERT INTO items (name) VALUES ('patient')") }
        }
        while database.waitingWrites == 0 { await Task.yield() }
        await database.close()
        _ = try await write.value
        let again = try scratch.open()
        #expect(try Self.names(again) == ["patient"])
        await again.close()
    }

    @Test func aFailingWriteIsUndoneAlone() async throws {
        let gate = Gate()
        var options = DatabaseOptions()
        options.fault = { if $0 == .begin { gate.wait() } }
        let scratch = try ScratchDatabase()
        let database = try scratch.open(options: options)
        // All of these meet in one batch: the first holds the writer at the gate.
        async let outcomes = withTaskGroup(of: (Int, Bool).self) { group in
            for index in 0..<10 {
                group.addTask {
                    do {
                        try await database.write { connection in
                            try connection.execute("INSERT INTO items (name) VALUES (?1)", ["row \(index)"])
                            if index % 3 == 0 { try connection.execute("INSERT INTO items (name) VALUES (?1)", ["row \(index)"]) }
                        }
                        return (index, true)
                    } catch {
                        return (index, !((error as? SQLiteError)?.isUniqueConstraint ?? false))
                    }
                }
            }
            return await group.reduce(into: [Int: Bool]()) { $0[$1.0] = $1.1 }
        }
        gate.open()
        let result = await outcomes
        #expect((0..<10).allSatisfy { result[$0] == ($0 % 3 != 0) })
        #expect(Set(try Self.names(database)) == Set([1, 2, 4, 5, 7, 8].map { "row \($0)" }))
        await database.close()
    }

    @Test func aFailedCommitFailsAllOfItsBatchAndNothingElse() async throws {
        struct Broken: Error {}
        let failing = Atomic<Bool>(true)
        let box = FlagBox(failing)
        var options = DatabaseOptions()
        options.fault = { if $0 == .commit, box.flag.load(ordering: .relaxed) { throw Broken() } }
        let scratch = try ScratchDatabase()
        let database = try scratch.open(options: options)
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<20 {
                group.addTask {
                    await #expect(throws: Broken.self) {
                        try await database.write { try $0.execute("INSERT INTO items (name) VALUES (?1)", ["\(index)"]) }
                    }
                }
            }
        }
        #expect(try Self.names(database) == [])
        box.flag.store(false, ordering: .relaxed)
        try await database.write { try $0.execute("INSERT INTO items (name) VALUES ('later')") }
        #expect(try Self.names(database) == ["later"])
        #expect(database.commitCounts == (1, 1))
        await database.close()
    }

    @Test func aFaultBeforeBeginFailsTheBatch() async throws {
        struct Broken: Error {}
        var options = DatabaseOptions()
        options.fault = { if $0 == .begin { throw Broken() } }
        let scratch = try ScratchDatabase()
        let database = try scratch.open(options: options)
        await #expect(throws: Broken.self) { try await database.write { try $0.execute("INSERT INTO items (name) VALUES ('a')") } }
        await database.close()
    }

    @Test(arguments: ["COMMIT", "ROLLBACK"]) func aWriteMustNotEndTheTransaction(_ verb: String) async throws {
        let scratch = try ScratchDatabase()
        let database = try scratch.open()
        await #expect(throws: SQLiteError.self) { try await database.write { try $0.execute(verb) } }
        try await database.write { try $0.execute("INSERT INTO items (name) VALUES ('a')") }
        #expect(try Self.names(database) == ["a"])
        await database.close()
    }

    @Test func readersCannotWriteAndSeeOneState() async throws {
        let scratch = try ScratchDatabase()
        let database = try scratch.open()
        await #expect(throws: SQLiteError.self) { try await database.read { try $0.execute("DELETE FROM items") } }
        #expect(throws: SQLiteError.self) { try database.readNow { try $0.execute("DELETE FROM items") } }
        let gate = Gate()
        let started = Gate()
        async let counts = database.read { connection in
            let before = try connection.queryOne("SELECT count(*) FROM items")?.int64(0)
            started.open()
            gate.wait()
            return [before, try connection.queryOne("SELECT count(*) FROM items")?.int64(0)]
        }
        // Suspended reads are no obstacle to a writer, and do not see what it commits.
        await Task.detached { started.wait() }.value
        try await database.write { try $0.execute("INSERT INTO items (name) VALUES ('a')") }
        #expect(try Self.names(database) == ["a"])
        gate.open()
        #expect(try await counts == [0, 0])
        await database.close()
    }

    @Test func afterCloseEverythingThrowsAndTheFileIsWhole() async throws {
        let scratch = try ScratchDatabase()
        let database = try scratch.open()
        try await database.write { try $0.execute("INSERT INTO items (name) VALUES ('a')") }
        await database.close()
        await database.close()
        await #expect(throws: SQLiteError.self) { try await database.write { try $0.execute("DELETE FROM items") } }
        await #expect(throws: (any Error).self) { try await database.read { try $0.query("SELECT 1") } }
        #expect(throws: SQLiteError.self) { try database.readNow { try $0.query("SELECT 1") } }
        #expect(access(scratch.path + "-wal", F_OK) != 0)
        let again = try scratch.open()
        #expect(try Self.names(again) == ["a"])
        await again.close()
    }

    @Test func closeLetsQueuedWritesRun() async throws {
        let gate = Gate()
        var options = DatabaseOptions()
        options.fault = { if $0 == .begin { gate.wait() } }
        let scratch = try ScratchDatabase()
        let database = try scratch.open(options: options)
        async let write: Int = database.write { try $0.execute("INSERT INTO items (name) VALUES ('a')") }
        let readable = { try Self.names(database) }
        #expect(try readable() == [])
        gate.open()
        #expect(try await write == 1)
        await database.close()
    }
}

private final class FlagBox: Sendable {
    let flag: Atomic<Bool>
    init(_ flag: consuming Atomic<Bool>) { self.flag = flag }
}
