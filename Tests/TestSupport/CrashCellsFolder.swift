internal import Glibc
internal import Platform

/// A folder of its own for one test's database, removed when let go.
package final class CrashCellFolder: Sendable {
    package let path: String
    package var database: String { path + "/jobs.db" }

    package init() throws {
        path = "/tmp/gantry-cells-" + hexadecimal(try randomBytes(8))
        guard mkdir(path, 0o700) == 0 else { throw SystemCallError("mkdir", subject: path) }
    }

    deinit {
        for suffix in ["", "-wal", "-shm", "-journal"] { unlink(database + suffix) }
        rmdir(path)
    }
}
