internal import Glibc
internal import Platform
internal import Synchronization

// The way from the handler's answer to the socket.
extension HTTPConnection {
    typealias Producer = @Sendable (HTTPBodyWriter) async throws -> Void

    /// Starts the handler's task. It prefers the loop, so without suspension it ends within this turn.
    func run(_ request: HTTPRequest) {
        let loop = server.loop
        let handler = server.handler
        let confined = EventLoopConfined(self, to: loop.thread)
        let exchange = self.exchange
        task = Task.detached(executorPreference: loop) {
            let response = request.path == "*" ? HTTPResponse(status: 204) : await handler.respond(to: request)
            guard let producer = await loop.run({ confined.value.deliver(response, request, exchange) }) else { return }
            do {
                try await producer(HTTPBodyWriter(loop: loop, connection: confined, exchange: exchange))
                await loop.run { confined.value.finishStream(request, exchange) }
            } catch {
                let reason = "\(error)"
                await loop.run { confined.value.breakStream(request, exchange, reason) }
            }
        }
    }

    /// Sends `response`; answers the closure to run when its body is streamed.
    private func deliver(_ response: HTTPResponse, _ request: HTTPRequest, _ exchange: UInt32) -> Producer? {
        // The connection may have failed or closed, or its descriptor gone to another one, while the handler worked.
        guard exchange == self.exchange, phase == .handling else { return nil }
        if response.callerIsKnown { server.becameKnown(self) }
        defer { rearm() }
        return answer(response, request)
    }

    private func answer(_ response: HTTPResponse, _ request: HTTPRequest?) -> Producer? {
        phase = .responding
        let hasBody = response.status != 204 && response.status != 304
        var producer: Producer?
        var bytes: [UInt8] = []
        var framing = ResponseEncoder.Framing.none
        var length: Int64?
        switch response.body {
        case .none: framing = .length(0)
        case .bytes(let body):
            bytes = body
            framing = .length(Int64(body.count))
        case .stream(let stated, let closure):
            producer = closure
            length = stated
            framing = stated.map { .length($0) } ?? (isHTTP11 ? .chunked : .untilClose)
        }
        if !hasBody { framing = .none }
        if response.closesConnection || server.isDraining || framing == .untilClose { closesAfterAnswer = true }
        if let reader, producer == nil, !reader.canDrain(server.limits) { closesAfterAnswer = true }
        if !encode(response, framing, request) { return nil }
        if !hasBody || answersHead {
            bytes = []
            producer = nil
        }
        if producer != nil { stream = ResponseStream(isChunked: framing == .chunked, length: length) }
        send(bytes)
        return phase == .closed ? nil : producer
    }

    /// Puts the head into the server's scratch array; on a forbidden field sends 500 instead and answers false.
    private func encode(_ response: HTTPResponse, _ framing: ResponseEncoder.Framing, _ request: HTTPRequest?) -> Bool {
        let server = self.server
        server.scratch.removeAll(keepingCapacity: true)
        server.date.refresh()
        do throws(ResponseEncoder.Refusal) {
            try ResponseEncoder.encode(response, framing: framing, closes: closesAfterAnswer, date: server.date.line, into: &server.scratch)
            server.counters.countResponse(response.status)
            return true
        } catch {
            server.notice(.badResponse(method: request?.method ?? .get, path: request?.path ?? "", reason: error.reason))
            closesAfterAnswer = true
            let body = server.encodeError(.badResponse, request: request)
            send(answersHead ? [] : body)
            return false
        }
    }

    /// A fault of the client's: the handler's answer is no longer wanted, the error goes out and the connection ends.
    func fail(_ error: HTTPProtocolError, request: HTTPRequest?) {
        guard phase == .idle || phase == .head || phase == .handling else { return }
        server.counters.protocolErrors.wrappingAdd(1, ordering: .relaxed)
        exchange &+= 1
        reader?.body.fail(.malformed(error))
        reader = nil
        task?.cancel()
        task = nil
        timing.expectNothing()
        if request == nil { answersHead = false }
        closesAfterAnswer = true
        phase = .responding
        let body = server.encodeError(error, request: request)
        send(answersHead ? [] : body)
    }

    // MARK: Output

    /// Sends the scratch head and `body`, in one system call if the socket takes them.
    private func send(_ body: [UInt8]) {
        let head = server.scratch
        guard output.isEmpty else {
            output.append(head)
            output.append(body)
            flush()
            return
        }
        let sent = StreamSocket.send(descriptor, head, body)
        if sent < 0, errno != EAGAIN, errno != EINTR {
            close()
            return
        }
        let taken = max(0, sent)
        server.counters.bytesOut.wrappingAdd(taken, ordering: .relaxed)
        if taken == head.count + body.count {
            outputEmptied()
            return
        }
        if taken < head.count { output.append(head, from: taken) }
        output.append(body, from: max(0, taken - head.count))
        timing.writePending(at: server.loop.now)
        want(.write, true)
    }

    func flush() {
        guard !output.isEmpty else {
            want(.write, false)
            return
        }
        var progressed = false
        while !output.isEmpty, let sent = output.send(to: descriptor) {
            if sent < 0 {
                close()
                return
            }
            progressed = true
            server.counters.bytesOut.wrappingAdd(sent, ordering: .relaxed)
        }
        if output.isEmpty {
            timing.writeDone()
            want(.write, false)
            outputEmptied()
        } else {
            if progressed || !timing.hasPendingWrite { timing.writePending(at: server.loop.now) }
            want(.write, true)
            if output.count <= server.limits.responseQueueBytes / 2 { stream?.resumeWaiters(true) }
        }
    }

    private func outputEmptied() {
        guard phase == .responding else { return }
        if let stream, !stream.isFinished {
            stream.resumeWaiters(true)
            return
        }
        answered()
    }

    /// The answer is with the kernel.
    private func answered() {
        exchange &+= 1
        stream = nil
        task = nil
        if closesAfterAnswer {
            closeGracefully()
        } else if let reader {
            guard reader.canDrain(server.limits) else {
                closeGracefully()
                return
            }
            reader.discards = true
            reader.isPaused = false
            timing.beginBody(at: server.loop.now)
            setInterest(.read)
        } else {
            nextRequest()
        }
    }

    // MARK: Streams

    /// Takes a part of a streamed answer.
    func appendToStream(_ bytes: [UInt8], _ exchange: UInt32) -> ResponseStream.Outcome {
        guard exchange == self.exchange, let stream, !stream.isFinished else { return .gone }
        if let missing = stream.missing {
            guard Int64(bytes.count) <= missing else { return .tooLong }
            stream.missing = missing - Int64(bytes.count)
        }
        if stream.isChunked {
            output.append(ResponseEncoder.chunkPrefix(bytes.count, isFirst: stream.isFirst))
            stream.isFirst = false
        }
        output.append(bytes)
        flush()
        rearm()
        if phase == .closed { return .gone }
        return output.count > server.limits.responseQueueBytes ? .full : .accepted
    }

    func waitForSpace(_ continuation: CheckedContinuation<Bool, Never>, _ exchange: UInt32) {
        guard exchange == self.exchange, let stream else {
            continuation.resume(returning: false)
            return
        }
        if output.count <= server.limits.responseQueueBytes {
            continuation.resume(returning: true)
        } else {
            stream.waiters.append(continuation)
        }
    }

    private func finishStream(_ request: HTTPRequest, _ exchange: UInt32) {
        guard exchange == self.exchange, let stream else { return }
        if let missing = stream.missing, missing > 0 {
            breakStream(request, exchange, "\(missing) bytes fewer than stated")
            return
        }
        stream.isFinished = true
        if stream.isChunked { output.append(ResponseEncoder.lastChunk(isFirst: stream.isFirst)) }
        if output.isEmpty { outputEmptied() } else { flush() }
        rearm()
    }

    private func breakStream(_ request: HTTPRequest, _ exchange: UInt32, _ reason: String) {
        guard exchange == self.exchange, stream != nil else { return }
        server.notice(.brokenStream(path: request.path, reason: reason))
        close()
    }
}
