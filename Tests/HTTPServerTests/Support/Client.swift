import Glibc
import Platform

/// A blocking client socket with a receive timeout. Its calls block: use it on `Client.pool`.
final class Client: Sendable {
    struct Response: Sendable, Equatable {
        var status: Int
        var head: String
        var body: [UInt8]
        var text: String { String(decoding: body, as: UTF8.self) }
        func has(_ field: String) -> Bool { head.lowercased().contains("\r\n" + field.lowercased()) }
    }

    static let pool = Result { try BlockingPool(name: "test-clients", threads: 8) }

    let descriptor: Int32

    convenience init(tcp port: Int, receiveBuffer: Int32? = nil) throws {
        self.init(receiveBuffer: receiveBuffer)
        try connectLoopback(port)
    }

    /// A TCP socket that is not connected yet.
    init(receiveBuffer: Int32? = nil) {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        if var size = receiveBuffer { setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, 4) }
        setTimeout()
    }

    func connectLoopback(_ port: Int) throws {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        inet_pton(AF_INET, "127.0.0.1", &address.sin_addr)
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard code == 0 else { throw SystemCallError("connect") }
    }

    init(unix path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard code == 0 else { throw SystemCallError("connect") }
        setTimeout()
    }

    /// Takes over a connected socket.
    init(adopting descriptor: Int32) {
        self.descriptor = descriptor
        setTimeout()
    }

    deinit { close(descriptor) }

    private func setTimeout() {
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    /// Runs blocking calls away from the test's own threads.
    static func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await pool.get().run(body)
    }

    /// Sends all of `bytes`; answers how many went out before the peer refused more.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Int {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { break }
            sent += count
        }
        return sent
    }

    @discardableResult
    func send(_ text: String) -> Int { send(Array(text.utf8)) }

    func finishSending() { _ = shutdown(descriptor, Int32(SHUT_WR)) }

    /// Some bytes; empty at the end of input, nil on timeout or reset.
    func receive(upTo limit: Int = 65536) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: limit)
        let count = recv(descriptor, &buffer, limit, 0)
        return count < 0 ? nil : Array(buffer.prefix(count))
    }

    /// The server has ended the connection (nothing more comes).
    func isAtEnd() -> Bool { receive(upTo: 1)?.isEmpty ?? true }

    /// One response, read byte by byte up to its end; nil if the connection ends before.
    func response(toHead: Bool = false) -> Response? {
        var head: [UInt8] = []
        while !head.suffix(4).elementsEqual([13, 10, 13, 10]) {
            guard let byte = receive(upTo: 1), !byte.isEmpty else { return nil }
            head += byte
        }
        let text = String(decoding: head, as: UTF8.self)
        let status = Int(text.dropFirst(9).prefix(3)) ?? 0
        var body: [UInt8] = []
        if let length = text.split(separator: "\r\n").first(where: { $0.hasPrefix("Content-Length: ") }), !toHead {
            guard let wanted = Int(length.dropFirst(16)) else { return nil }
            while body.count < wanted {
                guard let more = receive(upTo: wanted - body.count), !more.isEmpty else { return nil }
                body += more
            }
        }
        return Response(status: status, head: text, body: body)
    }

    /// Everything up to the end of the connection.
    func rest() -> [UInt8] {
        var all: [UInt8] = []
        while let more = receive(), !more.isEmpty { all += more }
        return all
    }
}

extension Client {
    /// A connected pair: one end as a client, the other as a non-blocking descriptor for a server.
    static func pair() -> (client: Client, server: Int32) {
        var ends: [Int32] = [-1, -1]
        socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends)
        _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
        return (Client(adopting: ends[0]), ends[1])
    }
}
