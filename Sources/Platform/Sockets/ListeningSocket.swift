internal import Glibc

/// Makes listening sockets (socket(2), bind(2), listen(2)).
package enum ListeningSocket {
    private static let backlog: Int32 = 1024

    /// Listens on a numeric address; port 0 takes a free one. The descriptor is non-blocking and belongs to the caller.
    package static func tcp(address text: String, port: Int) throws(SystemCallError) -> Int32 {
        let name = "\(text):\(port)"
        guard let (address, length) = SocketAddress.storage(address: text, port: port) else {
            throw SystemCallError("inet_pton", subject: name, code: EINVAL)
        }
        var storage = address
        let descriptor = try open(Int32(storage.ss_family), name)
        var one: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, 4)
        // An IPv6 wildcard takes IPv6 only, so that a rule about addresses means what it says.
        if Int32(storage.ss_family) == AF_INET6 { setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &one, 4) }
        let code = withUnsafePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
        }
        try finish(code == 0 ? "" : "bind", descriptor, name)
        try finish(listen(descriptor, backlog) == 0 ? "" : "listen", descriptor, name)
        return descriptor
    }

    /// Listens on a unix socket (unix(7)) whose file gets `mode` and, if named, `group`.
    ///
    /// - Throws: EADDRINUSE if somebody answers on `path` or it is no socket.
    package static func unix(path: String, mode: UInt32, group: String?) throws(SystemCallError) -> Int32 {
        var address = try unixAddress(path)
        try removeStale(path, &address)
        let descriptor = try open(AF_UNIX, path)
        // The file is made with the socket's own mode: nobody else gets in before group and mode are set.
        fchmod(descriptor, 0o600)
        try finish(withSockaddr(&address) { bind(descriptor, $0, $1) } == 0 ? "" : "bind", descriptor, path)
        do throws(SystemCallError) {
            if let group {
                let identifier = try groupIdentifier(group)
                guard chown(path, uid_t.max, identifier) == 0 else { throw SystemCallError("chown", subject: path) }
            }
            guard chmod(path, mode_t(mode)) == 0 else { throw SystemCallError("chmod", subject: path) }
            guard listen(descriptor, backlog) == 0 else { throw SystemCallError("listen", subject: path) }
        } catch {
            unlink(path)
            close(descriptor)
            throw error
        }
        return descriptor
    }

    private static func open(_ family: Int32, _ name: String) throws(SystemCallError) -> Int32 {
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(family, type, 0)
        guard descriptor >= 0 else { throw SystemCallError("socket", subject: name) }
        return descriptor
    }

    private static func finish(_ failed: String, _ descriptor: Int32, _ name: String) throws(SystemCallError) {
        if failed.isEmpty { return }
        let code = errno
        close(descriptor)
        throw SystemCallError(failed, subject: name, code: code)
    }

    private static func unixAddress(_ path: String) throws(SystemCallError) -> sockaddr_un {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard !bytes.isEmpty, !bytes.contains(0), bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw SystemCallError("bind", subject: path, code: ENAMETOOLONG)
        }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return address
    }

    private static func withSockaddr(_ address: inout sockaddr_un, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
    }

    /// Removes a socket file that a dead server left. Throws EADDRINUSE if somebody answers or it is no socket.
    private static func removeStale(_ path: String, _ address: inout sockaddr_un) throws(SystemCallError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw SystemCallError("bind", subject: path, code: EADDRINUSE) }
        let probe = try open(AF_UNIX, path)
        defer { close(probe) }
        let code = withSockaddr(&address) { connect(probe, $0, $1) } == 0 ? 0 : errno
        guard code == ECONNREFUSED else { throw SystemCallError("bind", subject: path, code: EADDRINUSE) }
        unlink(path)
    }

    private static func groupIdentifier(_ name: String) throws(SystemCallError) -> gid_t {
        var entry = group()
        var found: UnsafeMutablePointer<group>?
        var buffer = [CChar](repeating: 0, count: 64 * 1024)
        let code = getgrnam_r(name, &entry, &buffer, buffer.count, &found)
        guard code == 0, found != nil else { throw SystemCallError("getgrnam_r", subject: name, code: code == 0 ? ENOENT : code) }
        return entry.gr_gid
    }
}
