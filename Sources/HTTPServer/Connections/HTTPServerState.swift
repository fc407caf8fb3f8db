internal import Glibc
internal import Platform
internal import Synchronization

/// What all connections of a server share, on the loop's thread only.
final class HTTPServerState {
    let loop: EventLoop
    let handler: any HTTPHandler
    let limits: HTTPLimits
    let counters: HTTPCounters
    let notice: @Sendable (HTTPServerNotice) -> Void
    private let allowedHosts: Set<String>
    /// One for all connections: only bytes of incomplete requests are ever copied out of it.
    let readBuffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 * 1024, alignment: 64)
    /// The head being made.
    var scratch: [UInt8] = []
    var date = HTTPDate()
    private(set) var isDraining = false
    private var listeners: [HTTPListener] = []
    private var connections: [Int32: HTTPConnection] = [:]
    private var unknownCount = 0
    private var unknownPerAddress: [String: Int] = [:]
    private var drainWaiters: [CheckedContinuation<Void, Never>] = []

    init(
        loop: EventLoop, handler: any HTTPHandler, limits: HTTPLimits, allowedHosts: Set<String>, counters: HTTPCounters,
        notice: @escaping @Sendable (HTTPServerNotice) -> Void
    ) {
        self.loop = loop
        self.handler = handler
        self.limits = limits
        self.allowedHosts = Set(allowedHosts.map { $0.lowercased() })
        self.counters = counters
        self.notice = notice
        scratch.reserveCapacity(1024)
    }

    deinit { readBuffer.deallocate() }

    // MARK: Listeners and connections

    func add(_ listener: HTTPListener) throws(SystemCallError) {
        guard !isDraining else { throw SystemCallError("listen", code: ECANCELED) }
        try listener.open(on: self)
        listeners.append(listener)
    }

    /// Takes an accepted descriptor, or refuses it with 503.
    func accept(_ descriptor: Int32, _ peer: HTTPPeer) {
        counters.acceptedConnections.wrappingAdd(1, ordering: .relaxed)
        if let limit = exceededLimit(peer) {
            notice(.refused(peer: peer, limit: limit))
            refuse(descriptor)
            return
        }
        let connection = HTTPConnection(server: self, descriptor: descriptor, peer: peer)
        do throws(SystemCallError) {
            try connection.open()
        } catch {
            notice(.acceptFailed(code: error.code))
            _ = close(descriptor)
            return
        }
        connections[descriptor] = connection
        counters.openConnections.wrappingAdd(1, ordering: .relaxed)
        if case .tcp(let address, _) = peer, !peer.isLocal {
            connection.countsAsUnknown = true
            unknownCount += 1
            unknownPerAddress[address, default: 0] += 1
        }
    }

    private func exceededLimit(_ peer: HTTPPeer) -> String? {
        if connections.count >= limits.connections { return "connections" }
        guard case .tcp(let address, _) = peer, !peer.isLocal else { return nil }
        if unknownCount >= limits.unauthenticatedConnections { return "unauthenticated_connections" }
        return unknownPerAddress[address, default: 0] >= limits.connectionsPerPeer ? "connections_per_peer" : nil
    }

    /// Answers 503 as well as one write can, and closes.
    func refuse(_ descriptor: Int32) {
        counters.refusedConnections.wrappingAdd(1, ordering: .relaxed)
        let body = encodeError(.overloaded, request: nil)
        _ = StreamSocket.send(descriptor, scratch, body)
        // Unread bytes would turn the close into a reset that can overtake the answer.
        _ = StreamSocket.receive(descriptor, into: readBuffer)
        StreamSocket.finishSending(descriptor)
        _ = close(descriptor)
    }

    func becameKnown(_ connection: HTTPConnection) {
        guard connection.countsAsUnknown, case .tcp(let address, _) = connection.peer else { return }
        connection.countsAsUnknown = false
        unknownCount -= 1
        let left = unknownPerAddress[address, default: 1] - 1
        unknownPerAddress[address] = left > 0 ? left : nil
    }

    func removed(_ connection: HTTPConnection) {
        guard connections.removeValue(forKey: connection.descriptor) != nil else { return }
        counters.openConnections.wrappingAdd(-1, ordering: .relaxed)
        becameKnown(connection)
        if connections.isEmpty { resumeDrainWaiters() }
    }

    // MARK: Host

    /// RFC 9110 §7.4. Over TCP a name that is not ours may come from a browser led here by DNS rebinding; over a unix
    /// socket no browser comes.
    func answersFor(_ host: String?, on connection: HTTPConnection) -> Bool {
        guard let host, case .tcp = connection.peer else { return true }
        if host == "localhost" || host == "127.0.0.1" || host == "[::1]" || allowedHosts.contains(host) { return true }
        return SocketAddress.local(of: connection.descriptor)?.hostLiteral == host
    }

    // MARK: Errors

    /// Puts the head of the application's rendering into `scratch` and answers the body.
    func encodeError(_ error: HTTPProtocolError, request: HTTPRequest?) -> [UInt8] {
        var response = handler.respond(toProtocolError: error, request: request)
        var body: [UInt8] = []
        if case .bytes(let bytes) = response.body { body = bytes }
        scratch.removeAll(keepingCapacity: true)
        date.refresh()
        do throws(ResponseEncoder.Refusal) {
            try ResponseEncoder.encode(response, framing: .length(Int64(body.count)), closes: true, date: date.line, into: &scratch)
        } catch {
            notice(.badResponse(method: request?.method ?? .get, path: request?.path ?? "", reason: error.reason))
            response = HTTPResponse(status: 500)
            body = []
            scratch = Array("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".utf8)
        }
        counters.countResponse(response.status)
        return body
    }

    // MARK: Drain

    func beginDrain() {
        guard !isDraining else { return }
        // What waits in the listen queues was promised a connection by the kernel: take it before closing them.
        for listener in listeners { listener.acceptAll() }
        isDraining = true
        for listener in listeners { listener.close() }
        listeners = []
        for connection in Array(connections.values) where connection.isIdle && !connection.hasInput { connection.close() }
        if connections.isEmpty { resumeDrainWaiters() }
    }

    func closeAll() {
        for connection in Array(connections.values) { connection.close() }
        resumeDrainWaiters()
    }

    func waitForDrain(_ continuation: CheckedContinuation<Void, Never>) {
        if connections.isEmpty { continuation.resume() } else { drainWaiters.append(continuation) }
    }

    private func resumeDrainWaiters() {
        let waiters = drainWaiters
        drainWaiters = []
        for waiter in waiters { waiter.resume() }
    }
}
