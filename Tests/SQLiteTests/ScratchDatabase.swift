import Glibc
import Platform
import SQLite

/// A database in a folder of its own, removed when let go.
final class ScratchDatabase: Sendable {
    static let schema = [
        SchemaUpgrade(name: "items", sql: "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT UNIQUE, body BLOB) STRICT;"),
        SchemaUpgrade(
            name: "parts",
            sql: "CREATE TABLE parts (item INTEGER NOT NULL REFERENCES items(id)) STRICT; CREATE INDEX parts_item ON parts(item);"),
    ]

    let folder: String
    var path: String { folder + "/test.db" }

    init(in parent: String = "/tmp") throws {
        folder = parent + "/gantry-sqlite-" + hexadecimal(try randomBytes(8))
        guard mkdir(folder, 0o700) == 0 else { throw SystemCallError("mkdir", subject: folder) }
    }

    deinit {
        for suffix in ["", "-wal", "-shm", "-journal"] { unlink(path + suffix) }
        rmdir(folder)
    }

    func open(_ schema: [SchemaUpgrade] = ScratchDatabase.schema, options: DatabaseOptions = DatabaseOptions()) throws -> Database {
        try Database.open(path: path, schema: schema, options: options)
    }
}
