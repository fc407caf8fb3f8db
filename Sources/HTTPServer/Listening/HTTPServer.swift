internal import Glibc
package import Platform

/// An HTTP/1.1 origin server (RFC 9110, RFC 9112) on one event loop: strict in what it reads, flat in memory, and
/// never waiting without a deadline.
package final class HTTPServer: Sendable {
    private let loop: EventLoop
    private let state: EventLoopConfined<HTTPServerState>
    private let numbers = HTTPCounters()

    /// - Parameters:
    ///   - loop: where everything runs; it must outlive the server.
    ///   - allowedHosts: names (without port) answered for over TCP besides loopback names and the own address.
    ///   - notice: told of what belongs in the log, on the loop's thread.
    package init(
        loop: EventLoop, handler: any HTTPHandler, limits: HTTPLimits = HTTPLimits(), allowedHosts: Set<String> = [],
        notice: @escaping @Sendable (HTTPServerNotice) -> Void = { _ in }
    ) {
        self.loop = loop
        state = EventLoopConfined(
            HTTPServerState(
                loop: loop, handler: handler, limits: limits, allowedHosts: allowedHosts, counters: numbers, notice: notice),
            to: loop.thread)
    }

    /// The counts of this moment.
    package var counters: HTTPCounters.Values { numbers.values(slowTurns: Int(clamping: loop.slowTurns)) }

    /// Listens on one more endpoint.
    ///
    /// - Returns: where: as asked, with the true port for port 0.
    /// - Throws: what socket(2), bind(2), chown(2), chmod(2) or listen(2) answered; EADDRINUSE if another server answers
    ///   on the unix socket.
    package func listen(on endpoint: HTTPEndpoint) async throws(SystemCallError) -> HTTPEndpoint {
        let descriptor: Int32
        var path: String?
        var result = endpoint
        switch endpoint {
        case .unix(let file, let mode, let group):
            descriptor = try ListeningSocket.unix(path: file, mode: mode, group: group)
            path = file
        case .tcp(let address, let port):
            descriptor = try ListeningSocket.tcp(address: address, port: port)
            result = .tcp(address: address, port: SocketAddress.local(of: descriptor)?.port ?? port)
        case .descriptor(let inherited):
            descriptor = inherited
            let flags = fcntl(inherited, F_GETFL)
            guard flags >= 0, fcntl(inherited, F_SETFL, flags | O_NONBLOCK) >= 0 else { throw SystemCallError("fcntl") }
        }
        let state = self.state
        let failure = await loop.run { [path] () -> SystemCallError? in
            let listener = HTTPListener(descriptor: descriptor, path: path)
            do throws(SystemCallError) {
                try state.value.add(listener)
                return nil
            } catch {
                listener.close()
                return error
            }
        }
        if let failure { throw failure }
        return result
    }

    /// Stops accepting, closes idle connections, lets requests in flight finish within `limit`, then cuts what is left
    /// and cancels its handlers. Returns when no connection is open.
    package func drain(within limit: Duration) async {
        let state = self.state
        let loop = self.loop
        await withCheckedContinuation { continuation in
            loop.runOnLoop {
                state.value.beginDrain()
                state.value.waitForDrain(continuation)
                _ = loop.schedule(after: limit) { state.value.closeAll() }
            }
        }
    }
}
