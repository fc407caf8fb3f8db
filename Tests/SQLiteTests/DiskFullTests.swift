import Glibc
import Platform
import SQLite
import Testing

@Suite struct DiskFullTests {
    @Test func aPageLimitFailsWritesButNotReads() async throws {
        var options = DatabaseOptions()
        options.pageLimit = 40
        let scratch = try ScratchDatabase()
        let database = try scratch.open(options: options)
        try await exercise(database) {
            // Room comes from deleting.
            _ = try await database.write { try $0.execute("DELETE FROM items WHERE name LIKE 'filler%'") }
        }
        await database.close()
    }

    @Test(.enabled(if: geteuid() == 0, "needs root to mount a tmpfs")) func aFullFileSystemFailsWritesButNotReads() async throws {
        let place = try ScratchDatabase()
        let mountPoint = place.folder + "/disk"
        #expect(mkdir(mountPoint, 0o700) == 0)
        guard mount("tmpfs", mountPoint, "tmpfs", 0, "size=1m") == 0 else {
            rmdir(mountPoint)
            return  // a container without CAP_SYS_ADMIN
        }
        defer {
            umount2(mountPoint, Int32(MNT_DETACH))
            rmdir(mountPoint)
        }
        let scratch = try ScratchDatabase(in: mountPoint)
        let database = try scratch.open()
        try await exercise(database) { #expect(mount("tmpfs", mountPoint, "tmpfs", UInt(MS_REMOUNT), "size=8m") == 0) }
        await database.close()
        let again = try scratch.open()
        #expect(try again.readNow { try $0.queryOne("SELECT count(*) FROM items WHERE name = 'after'")?.int64(0) } == 1)
        await again.close()
    }

    private func exercise(_ database: Database, makeRoom: () async throws -> Void) async throws {
        try await database.write { try $0.execute("INSERT INTO items (name) VALUES ('before')") }
        var failure: SQLiteError?
        for index in 0..<2000 where failure == nil {
            do {
                try await database.write {
                    try $0.execute("INSERT INTO items (name, body) VALUES (?1, zeroblob(20000))", ["filler\(index)"])
                }
            } catch { failure = error as? SQLiteError }
        }
        #expect(try #require(failure).isDiskFull, "\(String(describing: failure))")
        #expect(try database.readNow { try $0.queryOne("SELECT name FROM items WHERE id = 1")?.string(0) } == "before")
        #expect(try await database.read { try $0.queryOne("SELECT count(*) FROM items")?.int64(0) } ?? 0 > 1)
        try await makeRoom()
        try await database.write { try $0.execute("INSERT INTO items (name) VALUES ('after')") }
        #expect(try database.readNow { try $0.query("SELECT 1 FROM items WHERE name = 'after'").count } == 1)
    }
}
