import Glibc
import HTTPServer
import Platform
import Synchronization

/// A server on a free loopback port and on a unix socket, with its own loop.
final class LiveServer: Sendable {
    let loop: EventLoop
    let server: HTTPServer
    let port: Int
    let path: String
    let notices: Notices

    final class Notices: Sendable {
        private let list = Mutex<[HTTPServerNotice]>([])
        var all: [HTTPServerNotice] { list.withLock { $0 } }
        func add(_ notice: HTTPServerNotice) { list.withLock { $0.append(notice) } }
    }

    init(
        _ handler: any HTTPHandler = EchoHandler(), allowedHosts: Set<String> = [], _ change: (inout HTTPLimits) -> Void = { _ in }
    )
        async throws
    {
        var limits = HTTPLimits()
        change(&limits)
        let notices = Notices()
        loop = try EventLoop(name: "http-test")
        server = HTTPServer(loop: loop, handler: handler, limits: limits, allowedHosts: allowedHosts) { notices.add($0) }
        self.notices = notices
        path = "/tmp/gantry-http-\(getpid())-\(UInt64.random(in: 0 ... .max)).sock"
        guard case .tcp(_, let port) = try await server.listen(on: .tcp(address: "127.0.0.1", port: 0)) else {
            throw SystemCallError("listen", code: 0)
        }
        self.port = port
        _ = try await server.listen(on: .unix(path: path, mode: 0o600))
    }

    /// Runs `body`, then takes the server down; nothing may be left open.
    func with<Result>(_ body: (LiveServer) async throws -> Result) async throws -> Result {
        do {
            let result = try await body(self)
            await stop()
            return result
        } catch {
            await stop()
            throw error
        }
    }

    func stop() async {
        await server.drain(within: .milliseconds(20))
        loop.stop()
    }

    func client(unix: Bool = false) throws -> Client { unix ? try Client(unix: path) : try Client(tcp: port) }

    /// Polls until `condition` holds; false after a minute.
    static func eventually(_ condition: @Sendable () -> Bool) async throws -> Bool {
        let clock = ContinuousClock()
        let end = clock.now + .seconds(60)
        while clock.now < end {
            if condition() { return true }
            try await clock.sleep(for: .milliseconds(2))
        }
        return condition()
    }
}
