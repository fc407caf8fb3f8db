internal import FoundationEssentials
internal import Glibc
internal import Platform

/// The folder that holds what must not be lost: database, identity and admin token. One daemon at a time.
struct StateDirectory: Sendable {
    let path: String
    /// Held for the life of the process: the lock on the folder.
    private let lock: Int32

    /// Makes the folder (0700) if need be and locks it. Throws if another daemon has it.
    init(_ path: String) throws {
        self.path = path
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let file = "\(path)/lock"
        lock = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw SystemCallError("open", subject: file) }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            throw StartError(
                errno == EWOULDBLOCK ? "another gantryd uses the state directory \(path)" : "\(SystemCallError("flock", subject: file))")
        }
    }

    var database: String { "\(path)/gantry.db" }

    /// The installation's id, by which it knows its own machines on the hosts; made at the first start, kept for ever.
    func identity() throws -> String {
        try kept("identity") {
            var bytes = try randomBytes(16)
            bytes[6] = bytes[6] & 0x0f | 0x40
            bytes[8] = bytes[8] & 0x3f | 0x80
            let digits = Array(hexadecimal(bytes))
            return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(digits[$0]) }.joined(separator: "-")
        }
    }

    /// The token that opens the TCP door; made at the first start, for root and the daemon's user to read.
    func adminToken() throws -> String {
        try kept("admin.token") { "gantry_admin_" + hexadecimal(try randomBytes(32)) }
    }

    /// The one line in a file, written by `make` (whole or not at all) if there is none yet.
    private func kept(_ name: String, _ make: () throws -> String) throws -> String {
        let file = "\(path)/\(name)"
        if let data = FileManager.default.contents(atPath: file) {
            let line = String(decoding: data, as: UTF8.self).split(whereSeparator: \.isWhitespace).first
            guard let line else { throw StartError("\(file) is empty; remove it to have a new one made") }
            return String(line)
        }
        let text = try make()
        let fresh = "\(file).new"
        let descriptor = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw SystemCallError("open", subject: fresh) }
        defer { close(descriptor) }
        let bytes = Array("\(text)\n".utf8)
        guard write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0 else {
            throw SystemCallError("write", subject: fresh)
        }
        guard rename(fresh, file) == 0 else { throw SystemCallError("rename", subject: file) }
        return text
    }
}

/// Why the daemon cannot start, for the operator.
struct StartError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
