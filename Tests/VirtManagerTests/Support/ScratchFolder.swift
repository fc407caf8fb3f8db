import Glibc
import Platform

/// A folder of its own for one test's database, in memory where there is such a place; removed when let go.
final class ScratchFolder: Sendable {
    let path: String
    var database: String { "\(path)/gantry.db" }

    init() throws {
        let base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
        path = "\(base)/gantry-services-" + hexadecimal(try randomBytes(8))
        guard mkdir(path, 0o700) == 0 else { throw SystemCallError("mkdir", subject: path) }
    }

    deinit {
        for suffix in ["", "-wal", "-shm", "-journal"] { unlink(database + suffix) }
        rmdir(path)
    }
}
