internal import CSQLite
internal import Glibc

/// What is checked about the file before SQLite opens it.
enum DatabaseFile {
    /// Write-ahead logging needs shared memory and locks that work: file systems over a network have neither (sqlite.org/wal.html).
    private static let networkFileSystems: [UInt32: String] = [
        0x6969: "NFS", 0xff53_4d42: "CIFS", 0xfe53_4d42: "SMB2", 0x517b: "SMB", 0x5346_414f: "AFS", 0x7375_7245: "Coda",
        0x00c3_6400: "Ceph", 0x0102_1997: "9P", 0x0bd0_0bd0: "Lustre", 0x564c: "NCP",
    ]

    /// Makes the file if it is absent, readable by its owner only; SQLite gives its -wal and -shm files the same mode.
    static func prepare(_ path: String) throws(SQLiteError) {
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            let code = errno
            throw SQLiteError(code: SQLITE_CANTOPEN, message: "\(path): \(text(code))", function: "open", systemCode: code)
        }
        defer { Glibc.close(descriptor) }
        if let name = networkFileSystems[gantry_file_system_type(descriptor)] {
            throw SQLiteError(
                code: SQLITE_CANTOPEN, message: "\(path) is on \(name), a network file system: the database needs a local one",
                function: "fstatfs")
        }
    }

    /// Bytes, or 0 where it cannot be told.
    static func size(_ path: String) -> Int {
        var information = stat()
        return stat(path, &information) == 0 ? Int(information.st_size) : 0
    }

    private static func text(_ code: Int32) -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        strerror_r(code, &buffer, buffer.count)
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
