import Glibc
import JSON
import Platform
import Testing

/// A plain HTTP client over blocking sockets, one connection per request. Its threads are its own: the daemon under test has the
/// cooperative pool for itself.
struct TestClient: Sendable {
    enum Door: Sendable {
        case unix(String)
        case tcp(Int)
    }

    private static let pool = Result { try BlockingPool(name: "test-client", threads: 24) }
    let door: Door

    func send(
        _ method: String, _ target: String, _ headers: [String: String] = [:], body: [UInt8]? = nil
    ) async throws -> Reply {
        var head = "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        for (name, value) in headers.sorted(by: { $0.key < $1.key }) { head += "\(name): \(value)\r\n" }
        if let body { head += "Content-Length: \(body.count)\r\n" }
        return try await exchange(Array((head + "\r\n").utf8) + (body ?? []))
    }

    func send(_ method: String, _ target: String, _ headers: [String: String] = [:], json: String) async throws -> Reply {
        try await send(method, target, headers, body: Array(json.utf8))
    }

    func get(_ target: String, _ headers: [String: String] = [:]) async throws -> Reply { try await send("GET", target, headers) }

    /// Sends bytes as they are and reads to the end of the connection.
    func exchange(_ bytes: [UInt8]) async throws -> Reply {
        let door = door
        return try await Self.pool.get().run(abort: {}) {
            let descriptor = try Self.connect(door)
            defer { close(descriptor) }
            // The server may answer and close before it has read everything: what it said still counts.
            _ = Self.sendAll(bytes, descriptor)
            return try Reply(Self.receiveAll(descriptor))
        }
    }

    /// Sends bytes and hangs up without reading.
    func sendAndHangUp(_ bytes: [UInt8]) async throws {
        let door = door
        try await Self.pool.get().run(abort: {}) {
            let descriptor = try Self.connect(door)
            _ = Self.sendAll(bytes, descriptor)
            close(descriptor)
        }
    }

    /// Sends bytes and hangs up once something has happened.
    func send(_ bytes: [UInt8], hangingUpOnce hasHappened: @escaping @Sendable () -> Bool) async throws {
        let door = door
        try await Self.pool.get().run(abort: {}) {
            let descriptor = try Self.connect(door)
            _ = Self.sendAll(bytes, descriptor)
            let end = ContinuousClock.now + .seconds(60)
            while !hasHappened(), ContinuousClock.now < end { usleep(2000) }
            close(descriptor)
        }
    }

    private static func connect(_ door: Door) throws -> Int32 {
        switch door {
        case .unix(let path):
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(107)) }
            return try open(AF_UNIX, &address, MemoryLayout<sockaddr_un>.size)
        case .tcp(let port):
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            return try open(AF_INET, &address, MemoryLayout<sockaddr_in>.size)
        }
    }

    private static func open<Address>(_ family: Int32, _ address: inout Address, _ size: Int) throws -> Int32 {
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw SystemCallError("socket") }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(descriptor, $0, socklen_t(size)) }
        }
        guard result == 0 else {
            let error = SystemCallError("connect")
            close(descriptor)
            throw error
        }
        var limit = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        return descriptor
    }

    private static func sendAll(_ bytes: [UInt8], _ descriptor: Int32) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    private static func receiveAll(_ descriptor: Int32) -> [UInt8] {
        var whole: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { return whole }
            whole += buffer[..<count]
        }
    }
}
