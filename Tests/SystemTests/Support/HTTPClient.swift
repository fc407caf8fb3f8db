import Glibc
import Platform

/// A client for the daemon's unix socket: one connection for each request, so that no request knows of another.
struct HTTPClient: Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let path: String

    /// Requests block; these threads are theirs, not those of the tests.
    private static let pool = Result { try BlockingPool(name: "http-clients", threads: 64) }

    /// Sends one request and reads the answer to its end. Throws when the daemon is not there, or ends in between.
    /// - Parameters:
    ///   - missing: bytes of the body that are announced and never come: the sending side is closed before them.
    ///   - isChunked: the body's length is not announced.
    func send(
        _ method: String, _ target: String, fields: [(String, String)] = [], body: [UInt8] = [], missing: Int = 0,
        isChunked: Bool = false, limit: Duration = .seconds(60)
    ) async throws -> HTTPAnswer {
        let length = isChunked ? ("Transfer-Encoding", "chunked") : ("Content-Length", "\(body.count + missing)")
        let head = ([("Host", "gantry"), ("Connection", "close"), length] + fields)
            .reduce("\(method) \(target) HTTP/1.1\r\n") { $0 + "\($1.0): \($1.1)\r\n" }
        let body = isChunked ? Array("\(String(body.count, radix: 16))\r\n".utf8) + body + Array("\r\n0\r\n\r\n".utf8) : body
        return try await Self.pool.get().run {
            try exchange(Array("\(head)\r\n".utf8), body, isCut: missing > 0, isHead: method == "HEAD", limit)
        }
    }

    private func exchange(_ head: [UInt8], _ body: [UInt8], isCut: Bool, isHead: Bool, _ limit: Duration) throws -> HTTPAnswer {
        let start = ContinuousClock.now
        let connection = try Connection(path: path, end: start + limit)
        // An early refusal makes sending fail; the answer is there all the same.
        if connection.send(head) { _ = connection.send(body) }
        if isCut { connection.finishSending() }
        let bytes = try connection.rest()
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else {
            throw Failure(description: "the connection ended after \(bytes.count) bytes of an answer")
        }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n").map(String.init)
        guard let first = lines.first?.split(separator: " "), first.count > 1, let status = Int(first[1]) else {
            throw Failure(description: "no status line: \(lines)")
        }
        let pairs = lines.dropFirst().compactMap { line in
            line.firstIndex(of: ":").map { (line[..<$0].lowercased(), line[line.index($0, offsetBy: 2)...].trimmingSpaces) }
        }
        let fields = Dictionary(pairs) { first, _ in first }
        let rest = Array(bytes[end.upperBound...])
        let content = fields["transfer-encoding"] == "chunked" ? try Self.unchunked(rest) : rest
        if !isHead, let length = fields["content-length"].flatMap({ Int($0) }), content.count != length {
            throw Failure(description: "\(content.count) bytes of \(length) came")
        }
        return HTTPAnswer(status: status, fields: fields, body: content, time: .now - start)
    }

    private static func unchunked(_ bytes: [UInt8]) throws -> [UInt8] {
        var rest = bytes[...]
        var content: [UInt8] = []
        while let line = rest.firstRange(of: [13, 10]) {
            guard let size = Int(String(decoding: rest[..<line.lowerBound], as: UTF8.self), radix: 16), rest.count > size else { break }
            if size == 0 { return content }
            content += rest[line.upperBound...].prefix(size)
            rest = rest[line.upperBound...].dropFirst(size + 2)
        }
        throw Failure(description: "the chunks of the answer have no end")
    }
}

extension Substring {
    fileprivate var trimmingSpaces: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}

/// A connected socket whose calls end at a deadline.
private struct Connection: ~Copyable {
    let descriptor: Int32
    let end: ContinuousClock.Instant

    init(path: String, end: ContinuousClock.Instant) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        self.end = end
        guard descriptor >= 0 else { throw SystemCallError("socket") }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8.prefix(107))) }
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard code == 0 else { throw SystemCallError("connect", subject: path) }
    }

    deinit { close(descriptor) }

    private func wait(for events: Int32) -> Bool {
        var polled = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        let left = end - .now
        return left > .zero && poll(&polled, 1, Int32(min(left / .milliseconds(1), 600_000)) + 1) > 0
    }

    /// Answers whether all of it went out.
    func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            guard wait(for: POLLOUT) else { return false }
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress.map { $0 + sent }, min(bytes.count - sent, 1 << 17), Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return false }
            sent += count
        }
        return true
    }

    func finishSending() { _ = shutdown(descriptor, Int32(SHUT_WR)) }

    /// Everything up to the end of the connection.
    func rest() throws -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while wait(for: POLLIN) {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count == 0 { return bytes }
            guard count > 0 else {
                if !bytes.isEmpty { return bytes }
                throw SystemCallError("recv")
            }
            bytes += buffer.prefix(count)
        }
        throw HTTPClient.Failure(description: "no end of the answer in time; so far: \(String(decoding: bytes.prefix(500), as: UTF8.self))")
    }
}
