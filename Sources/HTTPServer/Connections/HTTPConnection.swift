internal import Glibc
internal import Platform
internal import Synchronization

/// One accepted connection: reads, parses, runs the handler, writes. Lives on the loop's thread only.
///
/// A request is parsed only after the former answer is fully written: that is order and back-pressure in one rule.
final class HTTPConnection: EventLoopHandler {
    enum Phase: UInt8 {
        /// Between requests.
        case idle
        /// Part of a head is here.
        case head
        /// The handler's task runs; no byte of its answer is sent.
        case handling
        /// The answer is being sent.
        case responding
        /// All is sent; the peer's last bytes are thrown away, so that close(2) does not reset what it still has to read.
        case lingering
        case closed
    }

    let server: HTTPServerState
    let peer: HTTPPeer
    let descriptor: Int32
    private var token: EventLoopToken?
    private var interest = EventLoopInterest.read
    /// The earliest deadline the loop was told of.
    private var armed = Int64.max
    var phase = Phase.idle
    var timing: ConnectionTiming
    private var parser = RequestParser()
    /// Bytes read together with a former request.
    private var pending: [UInt8] = []
    private var pendingStart = 0
    var reader: BodyReader?
    var output = OutputQueue()
    var stream: ResponseStream?
    /// Counts requests and failures; an answer to another exchange than the present one is ignored.
    var exchange: UInt32 = 0
    private var requestCount = 0
    var answersHead = false
    var isHTTP11 = true
    var closesAfterAnswer = false
    /// The answer under way is for this client alone: its end of input is its leaving.
    private var endsWithInput = false
    /// Counted under `HTTPLimits.unauthenticatedConnections` and `connectionsPerPeer`.
    var countsAsUnknown = false
    var task: Task<Void, Never>?

    init(server: HTTPServerState, descriptor: Int32, peer: HTTPPeer) {
        self.server = server
        self.descriptor = descriptor
        self.peer = peer
        timing = ConnectionTiming(now: server.loop.now)
    }

    func open() throws(SystemCallError) {
        token = try server.loop.register(descriptor, .read, self)
        rearm()
    }

    var isIdle: Bool { phase == .idle && parser.isIdle }

    /// Bytes of a request are waiting in the kernel.
    var hasInput: Bool { StreamSocket.hasInput(descriptor) }

    // MARK: Events

    func ready(_ events: EventLoopInterest) {
        if !events.isDisjoint(with: .gone) {
            close()
            return
        }
        if events.contains(.write) { flush() }
        if events.contains(.read), phase != .closed { readable() }
        rearm()
    }

    func deadlinePassed() {
        armed = .max
        switch timing.verdict(at: server.loop.now, server.limits) {
        case .waitsOn: break
        case .idleTooLong, .writeStalled, .lingeredEnough: close()
        case .headTooSlow: fail(.headTimeout, request: nil)
        case .bodyTooSlow:
            if phase == .handling { fail(.bodyTimeout, request: reader?.request) } else { close() }
        }
        rearm()
    }

    /// Tells the loop of the next deadline, only if it is earlier than what it knows: the common way costs nothing.
    func rearm() {
        guard phase != .closed, let token, let deadline = timing.deadline(server.limits), deadline < armed else { return }
        armed = deadline
        server.loop.setDeadline(token, at: deadline)
    }

    func setInterest(_ wanted: EventLoopInterest) {
        guard wanted != interest, let token else { return }
        interest = wanted
        server.loop.modify(token, wanted)
    }

    func want(_ part: EventLoopInterest, _ wanted: Bool) {
        setInterest(wanted ? interest.union(part) : interest.subtracting(part))
    }

    // MARK: Input

    private func readable() {
        switch phase {
        case .idle, .head: receive()
        case .handling, .responding:
            // Pipelined bytes, or the end of input, wait in the kernel until this answer is out.
            if let reader, !reader.isPaused {
                receive()
            } else if endsWithInput, reader == nil, StreamSocket.hasEnded(descriptor) {
                close()
            } else {
                want(.read, false)
            }
        case .lingering: discardInput()
        case .closed: break
        }
    }

    private func receive() {
        let buffer = server.readBuffer
        let count = StreamSocket.receive(descriptor, into: buffer)
        if count < 0 {
            if errno != EAGAIN && errno != EINTR { close() }
            return
        }
        guard count > 0 else {
            // Between requests that is the normal end; within one it was never complete and is dropped.
            close()
            return
        }
        server.counters.bytesIn.wrappingAdd(count, ordering: .relaxed)
        let input = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count])
        var offset = 0
        consume(input, from: &offset)
        if offset < count, phase == .handling || phase == .responding {
            pending = Array(input[offset...])
            pendingStart = 0
        }
    }

    private func discardInput() {
        let buffer = server.readBuffer
        let count = StreamSocket.receive(descriptor, into: buffer)
        if count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR) { close() }
    }

    /// Goes through `input` until it is used up or a request must be answered first.
    private func consume(_ input: UnsafeRawBufferPointer, from offset: inout Int) {
        while offset < input.count {
            if let reader {
                if !receiveBody(reader, input, from: &offset) { return }
                continue
            }
            guard phase == .idle || phase == .head else { return }
            switch parser.parse(input, from: &offset, limits: server.limits) {
            case .needMore:
                if !parser.isIdle {
                    phase = .head
                    timing.beginHead(at: server.loop.now)
                }
            case .head(let head): begin(head)
            case .failed(let error):
                offset = input.count
                fail(error, request: nil)
            }
        }
    }

    private func receiveBody(_ reader: BodyReader, _ input: UnsafeRawBufferPointer, from offset: inout Int) -> Bool {
        if reader.owesContinue {
            // RFC 9110 §10.1.1: the client did not wait, so no 100 is needed. From here on it is held to its pace.
            reader.owesContinue = false
            timing.beginBody(at: server.loop.now)
        }
        let before = offset
        do throws(HTTPProtocolError) {
            let ended = try reader.receive(input, from: &offset, limits: server.limits)
            timing.receiveBody(offset - before, at: server.loop.now)
            if ended {
                reader.body.end()
                self.reader = nil
                timing.expectNothing()
                if reader.discards { nextRequest() }
            } else if reader.isPaused {
                timing.expectNothing()
                want(.read, false)
            }
            return phase != .closed
        } catch {
            offset = input.count
            if phase == .handling { fail(error, request: reader.request) } else { close() }
            return false
        }
    }

    private func begin(_ head: RequestHead) {
        exchange &+= 1
        requestCount += 1
        endsWithInput = false
        answersHead = head.method == .head
        isHTTP11 = head.isHTTP11
        closesAfterAnswer = !head.keepsAlive || server.isDraining || requestCount >= server.limits.requestsPerConnection
        phase = .handling
        timing.expectNothing()
        let link = HTTPClientLink(
            loop: server.loop, connection: EventLoopConfined(self, to: server.loop.thread), exchange: exchange)
        let request = HTTPRequest(head: head, peer: peer, body: makeBody(head), link: link)
        switch head.framing {
        case .none: break
        case .length(let length):
            reader = BodyReader(request: request, source: .length(missing: length), owesContinue: head.expectsContinue)
        case .chunked:
            reader = BodyReader(request: request, source: .chunked(ChunkedDecoder()), owesContinue: head.expectsContinue)
        }
        if reader != nil, !head.expectsContinue { timing.beginBody(at: server.loop.now) }
        guard server.answersFor(head.host, on: self) else {
            fail(.misdirected, request: request)
            return
        }
        run(request)
    }

    private func makeBody(_ head: RequestHead) -> HTTPRequestBody {
        let length: Int64?
        switch head.framing {
        case .none: return .empty
        case .length(let count): length = count
        case .chunked: length = nil
        }
        let loop = server.loop
        let confined = EventLoopConfined(self, to: loop.thread)
        let exchange = self.exchange
        return HTTPRequestBody(knownLength: length, mustPull: head.expectsContinue) {
            loop.runOnLoop { confined.value.bodyWanted(exchange) }
        }
    }

    /// The handler reads the body and there is nothing for it.
    private func bodyWanted(_ exchange: UInt32) {
        guard exchange == self.exchange, let reader else { return }
        if reader.owesContinue {
            reader.owesContinue = false
            timing.beginBody(at: server.loop.now)
            if phase == .handling {
                server.counters.countResponse(100)
                output.append(Self.continueLine)
                flush()
            }
        }
        if reader.isPaused {
            reader.isPaused = false
            timing.beginBody(at: server.loop.now)
            want(.read, true)
        }
        rearm()
    }

    func watchInput(_ exchange: UInt32) {
        guard exchange == self.exchange, phase == .handling || phase == .responding else { return }
        endsWithInput = true
        if reader == nil { want(.read, true) }
    }

    private static let continueLine = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)

    /// The former answer is out: go on with bytes that are here already, else wait for more.
    func nextRequest() {
        phase = .idle
        timing.becomeIdle(at: server.loop.now)
        if server.isDraining {
            close()
            return
        }
        if pendingStart < pending.count {
            let bytes = pending
            bytes.withUnsafeBytes { input in
                var offset = pendingStart
                pending = []
                consume(input, from: &offset)
                if offset < input.count, phase == .handling || phase == .responding {
                    pending = bytes
                    pendingStart = offset
                }
            }
        }
        // The body of a request that came in part is still to be read, too.
        let wantsBody = phase == .handling && reader.map { !$0.isPaused } ?? false
        if phase == .idle || phase == .head || wantsBody { setInterest(.read) }
    }

    // MARK: End

    /// Ends the sending side and waits for the peer's end (RFC 9112 §9.6).
    func closeGracefully() {
        guard phase != .closed else { return }
        pending = []
        reader?.body.fail(.disconnected)
        reader = nil
        phase = .lingering
        timing.beginLinger(at: server.loop.now)
        StreamSocket.finishSending(descriptor)
        setInterest(.read)
    }

    func close() {
        guard phase != .closed else { return }
        phase = .closed
        exchange &+= 1
        reader?.body.fail(.disconnected)
        reader = nil
        task?.cancel()
        task = nil
        stream?.resumeWaiters(false)
        stream = nil
        output = OutputQueue()
        if let token { server.loop.remove(token) }
        _ = Glibc.close(descriptor)
        server.removed(self)
    }
}
