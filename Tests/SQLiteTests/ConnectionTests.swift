import SQLite
import Testing

@Suite struct ConnectionTests {
    @Test func valuesReadBack() async throws {
        let scratch = try ScratchDatabase()
        let database = try scratch.open()
        try await database.write { connection in
            try connection.execute("CREATE TABLE kinds (a, b, c, d, e, f, g)")
            let count = try connection.execute(
                "INSERT INTO kinds VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                [.integer(.min), 2.5, "té\u{0}xt", .blob([0, 255]), .null, true, ""])
            #expect(count == 1)
            try connection.execute("INSERT INTO kinds (a, b, c) VALUES (?1, ?2, ?3)", [.blob([]), .optional("x"), .optional(Int64?.none)])
            #expect(connection.lastInsertedRow == 2)
        }
        let row = try #require(try database.readNow { try $0.queryOne("SELECT * FROM kinds WHERE rowid = 1") })
        #expect(row.columns == ["a", "b", "c", "d", "e", "f", "g"])
        #expect(try row.int64("a") == .min)
        #expect(try row.double("b") == 2.5)
        #expect(try row.string("c") == "té\u{0}xt")
        #expect(try row.blob("d") == [0, 255])
        #expect(row.isNull("e"))
        #expect(try row.optionalString("e") == nil)
        #expect(try row.optionalInt64("e") == nil)
        #expect(try row.optionalDouble("e") == nil)
        #expect(try row.optionalBlob("e") == nil)
        #expect(try row.bool("f"))
        #expect(try row.string(6) == "")
        #expect(try row.blob("c") == Array("té\u{0}xt".utf8))
        #expect(row["a"] == .integer(.min))
        #expect(row["zzz"] == nil)
        #expect(row[7] == nil)
        #expect(row[-1] == nil)
        let second = try #require(try database.readNow { try $0.query("SELECT a, b, c FROM kinds").last })
        #expect(second["a"] == .blob([]))
        #expect(second["b"] == "x")
        #expect(second["c"] == .null)
        await database.close()
    }

    @Test func wrongTypesAreErrorsWithTheColumn() async throws {
        let scratch = try ScratchDatabase()
        let database = try scratch.open()
        let row = try #require(try database.readNow { try $0.queryOne("SELECT 'x' AS a, NULL AS b, 1 AS c") })
        for read in [{ try row.int64("a") }, { try row.int64("b") }, { try row.int64("nope") }, { try row.int64(9) }]
            as [() throws -> Int64]
        {
            #expect(throws: SQLiteError.self) { try read() }
        }
        let error = try #require(throws: SQLiteError.self) { try row.string("c") }
        #expect(error.message == "column c should be text, but it is an integer")
        await database.close()
    }

    @Test func statementErrorsSayWhich() async throws {
        let scratch = try ScratchDatabase()
        let database = try scratch.open()
        func fails(_ sql: String, _ values: [SQLValue] = []) async -> SQLiteError? {
            do {
                try await database.write { try $0.execute(sql, values) }
                return nil
            } catch { return error as? SQLiteError }
        }
        let syntax = try #require(await fails("SELEC 1"))
        #expect(syntax.code == 1)
        #expect(syntax.sql == "SELEC 1")
        #expect(syntax.function == "sqlite3_prepare_v3")
        #expect(syntax.message.contains("syntax error"))
        #expect(await fails("")?.message == "the text holds no statement")
        #expect(await fails("SELECT 1; DELETE FROM items")?.message == "text after the first statement")
        #expect(await fails("SELECT 1;  \n") == nil)
        #expect(await fails("SELECT ?1")?.message == "1 values are needed, 0 given")
        #expect(await fails("INSERT INTO items (name) VALUES ('a')") == nil)
        let unique = try #require(await fails("INSERT INTO items (name) VALUES ('a')"))
        #expect(unique.isConstraint && unique.isUniqueConstraint && !unique.isBusy && !unique.isDiskFull)
        let foreign = try #require(await fails("INSERT INTO parts (item) VALUES (77)"))
        #expect(foreign.isConstraint && !foreign.isUniqueConstraint)
        await database.close()
    }

    @Test func countsChangedRows() async throws {
        let scratch = try ScratchDatabase()
        let database = try scratch.open()
        try await database.write { connection in
            for name in ["a", "b", "c"] { try connection.execute("INSERT INTO items (name) VALUES (?1)", [.text(name)]) }
            #expect(try connection.execute("UPDATE items SET body = x'00' WHERE name < 'c'") == 2)
            #expect(try connection.execute("SELECT 1") == 0)
            #expect(try connection.execute("CREATE TABLE other (x)") == 0)
            #expect(try connection.execute("DELETE FROM items WHERE name = 'zzz'") == 0)
            #expect(try connection.query("DELETE FROM items WHERE name = 'a' RETURNING id").map { try $0.int64("id") } == [1])
            #expect(try connection.queryOne("UPDATE items SET body = NULL RETURNING name")?.string("name") == "b")
        }
        await database.close()
    }

    @Test func rowsMayUseTheirOwnStatementAgain() async throws {
        let scratch = try ScratchDatabase()
        let database = try scratch.open()
        try await database.write { connection in
            for name in ["a", "b"] { try connection.execute("INSERT INTO items (name) VALUES (?1)", [.text(name)]) }
        }
        let names = try await database.read { connection in
            var names: [String] = []
            let sql = "SELECT name FROM items ORDER BY name"
            try connection.each(sql) { outer in
                try connection.each(sql) { inner in names.append(try outer.string(0) + inner.string(0)) }
            }
            return names
        }
        #expect(names == ["aa", "ab", "ba", "bb"])
        struct Stop: Error {}
        #expect(throws: Stop.self) {
            try database.readNow { try $0.each("SELECT name FROM items") { _ in throw Stop() } }
        }
        // The abandoned statement was reset: it runs from its first row.
        #expect(try database.readNow { try $0.query("SELECT name FROM items").count } == 2)
        await database.close()
    }

    @Test func manyStatementTextsStayBounded() async throws {
        let scratch = try ScratchDatabase()
        let database = try scratch.open()
        try database.readNow { connection in
            for index in 0..<2000 {
                let answer = try connection.queryOne("SELECT \(index)")?.int64(0)
                #expect(answer == Int64(index))
            }
        }
        await database.close()
    }

    @Test func aChangedTableShowsItsNewColumns() async throws {
        let scratch = try ScratchDatabase()
        let database = try scratch.open()
        let sql = "SELECT * FROM items"
        try await database.write { try $0.execute("INSERT INTO items (name) VALUES ('a')") }
        #expect(try database.readNow { try $0.queryOne(sql)?.columns } == ["id", "name", "body"])
        try await database.write { try $0.execute("ALTER TABLE items ADD COLUMN more TEXT") }
        #expect(try database.readNow { try $0.queryOne(sql)?.columns } == ["id", "name", "body", "more"])
        try await database.write { try $0.execute("ALTER TABLE items RENAME COLUMN more TO less") }
        #expect(try database.readNow { try $0.queryOne(sql)?.columns } == ["id", "name", "body", "less"])
        await database.close()
    }
}
