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

    /// The readers' threads of a closed database may still be closing their files, and for a moment make them anew.
    deinit {
        let limit = ContinuousClock.now.advanced(by: .seconds(2))
        repeat {
            for suffix in ["", "-wal", "-shm", "-journal"] { unlink(database + suffix) }
            if rmdir(path) == 0 { return }
            sched_yield()
        } while errno == ENOTEMPTY && ContinuousClock.now < limit
    }
}
