import Foundation
import Glibc
import Platform
import SQLite
import Testing

@Suite struct DatabaseFileTests {
    private func refusal(_ body: () throws -> Database) throws -> String {
        try #require(throws: SQLiteError.self) { _ = try body() }.message
    }

    @Test func isSetUpForDurability() async throws {
        let scratch = try ScratchDatabase()
        let database = try scratch.open()
        let settings = try await database.write { connection in
            try ["journal_mode", "synchronous", "foreign_keys", "auto_vacuum", "application_id"].map {
                try connection.queryOne("PRAGMA \($0)")?[0]
            }
        }
        #expect(settings == ["wal", 2, 1, 2, 0x474e_5452])
        #expect(try database.readNow { try $0.queryOne("PRAGMA query_only")?.int64(0) } == 1)
        var information = stat()
        for suffix in ["", "-wal", "-shm"] {
            #expect(stat(scratch.path + suffix, &information) == 0)
            #expect(information.st_mode & 0o777 == 0o600)
        }
        await database.close()
    }

    /// Killed between the deletion and the emptying of the log, which holds what was deleted until then.
    @Test func whatWasToBeForgottenIsForgottenByTheNextStart() async throws {
        let word = "correct-horse-battery-staple"
        let scratch = try ScratchDatabase()
        let first = try scratch.open()
        try await first.write { try $0.execute("INSERT INTO items (name) VALUES (?1)", [.text(word)]) }
        try await first.write { connection in
            try connection.executeScript("PRAGMA secure_delete = ON")
            _ = try connection.execute("DELETE FROM items")
        }
        let killed = try ScratchDatabase()
        for suffix in ["", "-wal"] {
            try Data(contentsOf: URL(filePath: scratch.path + suffix)).write(to: URL(filePath: killed.path + suffix))
        }
        func holds(_ suffix: String) throws -> Bool {
            try Data(contentsOf: URL(filePath: killed.path + suffix)).range(of: Data(word.utf8)) != nil
        }
        #expect(try holds("-wal"))
        let second = try killed.open()
        for suffix in ["", "-wal"] { #expect(try !holds(suffix)) }
        await first.close()
        await second.close()
    }

    @Test func schemasMayUseTheJSONFunctions() async throws {
        let scratch = try ScratchDatabase()
        let upgrade = SchemaUpgrade(
            name: "json",
            sql: """
                CREATE TABLE t (j TEXT CHECK (json_valid(j)), s TEXT GENERATED ALWAYS AS (j ->> 'state') VIRTUAL) STRICT;
                CREATE INDEX t_s ON t(s);
                """)
        let database = try scratch.open([upgrade])
        try await database.write { try $0.execute("INSERT INTO t (j) VALUES (?1)", [#"{"state":"queued"}"#]) }
        #expect(try database.readNow { try $0.queryOne("SELECT count(*) FROM t WHERE s = 'queued'")?.int64(0) } == 1)
        await #expect(throws: SQLiteError.self) { try await database.write { try $0.execute("INSERT INTO t (j) VALUES ('{')") } }
        await database.close()
    }

    @Test func upgradesRunOnceAndInOrder() async throws {
        let scratch = try ScratchDatabase()
        let first = try scratch.open([ScratchDatabase.schema[0]])
        try await first.write { try $0.execute("INSERT INTO items (name) VALUES ('kept')") }
        #expect(throws: SQLiteError.self) { try first.readNow { try $0.query("SELECT * FROM parts") } }
        await first.close()
        let second = try scratch.open()
        #expect(try second.readNow { try $0.query("SELECT * FROM parts").count } == 0)
        #expect(try second.readNow { try $0.queryOne("SELECT name FROM items")?.string(0) } == "kept")
        let names = try second.readNow { try $0.query("SELECT name FROM schema_upgrades ORDER BY position").map { try $0.string(0) } }
        #expect(names == ["items", "parts"])
        await second.close()
    }

    @Test func aNewerDatabaseIsRefused() async throws {
        let scratch = try ScratchDatabase()
        try await scratch.open().close()
        #expect(
            try refusal { try scratch.open([ScratchDatabase.schema[0]]) }
                == "the database was made by a newer version of this program: it has the schema upgrade \"parts\", unknown here")
        let other = SchemaUpgrade(name: "other", sql: "SELECT 1")
        #expect(try refusal { try scratch.open([other]) }.contains("upgrade 1 is \"items\", this program's is \"other\""))
    }

    @Test func aFailingUpgradeLeavesTheFormerState() async throws {
        let scratch = try ScratchDatabase()
        try await scratch.open([ScratchDatabase.schema[0]]).close()
        let broken = SchemaUpgrade(name: "broken", sql: "CREATE TABLE half (x); CREATE TABLE items (x);")
        #expect(throws: SQLiteError.self) { try scratch.open([ScratchDatabase.schema[0], broken]) }
        let database = try scratch.open()
        #expect(throws: SQLiteError.self) { try database.readNow { try $0.query("SELECT * FROM half") } }
        await database.close()
    }

    @Test func otherFilesAreRefused() async throws {
        let foreign = try ScratchDatabase()
        try await foreign.open().close()
        let plain = try ScratchDatabase()
        let bytes = Array(repeating: UInt8(ascii: "x"), count: 8192)
        let descriptor = Glibc.open(plain.path, O_WRONLY | O_CREAT, 0o600)
        #expect(write(descriptor, bytes, bytes.count) == bytes.count)
        Glibc.close(descriptor)
        let error = try #require(throws: SQLiteError.self) { try plain.open() }
        #expect(error.isCorrupt)

        let database = try foreign.open()
        try await database.write { _ = try $0.query("PRAGMA application_id = 7") }
        await database.close()
        #expect(try refusal { try foreign.open() } == "the file is a database of another program")
    }

    @Test func placesThatCannotHoldItAreNamed() throws {
        let missing = try #require(throws: SQLiteError.self) { try Database.open(path: "/nonexistent/x.db", schema: []) }
        #expect(missing.message.contains("/nonexistent/x.db"))
        #expect(missing.systemCode == ENOENT)
        let scratch = try ScratchDatabase()
        #expect(symlink("/tmp/elsewhere.db", scratch.path) == 0)
        let link = try #require(throws: SQLiteError.self) { try scratch.open() }
        #expect(link.systemCode == ELOOP)
    }

    @Test func damageIsFoundAtTheStart() async throws {
        let scratch = try ScratchDatabase()
        let database = try scratch.open()
        try await database.write { connection in
            for index in 0..<500 { try connection.execute("INSERT INTO items (name, body) VALUES (?1, zeroblob(500))", ["n\(index)"]) }
        }
        await database.close()
        // Scribble over the pages behind the first.
        let descriptor = Glibc.open(scratch.path, O_WRONLY)
        let noise = [UInt8](repeating: 0x5a, count: 40_960)
        #expect(pwrite(descriptor, noise, noise.count, 8192) == noise.count)
        Glibc.close(descriptor)
        let error = try #require(throws: SQLiteError.self) { try scratch.open() }
        #expect(error.isCorrupt, "\(error)")
    }
}
