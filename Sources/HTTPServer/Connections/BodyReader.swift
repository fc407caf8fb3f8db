/// The receiving side of the request body that is being read.
final class BodyReader {
    enum Source {
        case length(missing: Int64)
        case chunked(ChunkedDecoder)
    }

    let request: HTTPRequest
    var source: Source
    /// The client waits for 100, and nothing was read yet.
    var owesContinue: Bool
    /// The queue to the handler is full: the socket is left alone.
    var isPaused = false
    /// The answer is out; the rest is only read to reach the next request.
    var discards = false

    var body: HTTPRequestBody { request.body }

    init(request: HTTPRequest, source: Source, owesContinue: Bool) {
        self.request = request
        self.source = source
        self.owesContinue = owesContinue
    }

    /// Takes what belongs to the body from `input`, at most to its end. One call makes at most one chunk.
    ///
    /// - Returns: true at the body's end.
    func receive(_ input: UnsafeRawBufferPointer, from offset: inout Int, limits: HTTPLimits) throws(HTTPProtocolError) -> Bool {
        switch source {
        case .length(let missing):
            let count = Int(min(missing, Int64(input.count - offset)))
            let bytes = input[offset..<(offset + count)]
            offset += count
            source = .length(missing: missing - Int64(count))
            hand(Array(bytes), limits)
            return missing == Int64(count)
        case .chunked(var decoder):
            var collected: [UInt8] = []
            while true {
                let step = decoder.decode(input, from: &offset, limits: limits)
                if case .data(let range) = step {
                    collected.append(contentsOf: UnsafeRawBufferPointer(rebasing: input[range]))
                    continue
                }
                source = .chunked(decoder)
                hand(collected, limits)
                if case .failed(let error) = step { throw error }
                return step == .end
            }
        }
    }

    private func hand(_ bytes: [UInt8], _ limits: HTTPLimits) {
        if bytes.isEmpty || discards { return }
        if !body.append(bytes, limit: limits.bodyQueueBytes) { isPaused = true }
    }

    /// The rest can be read away cheaply: it is there or sure to come, and small.
    func canDrain(_ limits: HTTPLimits) -> Bool {
        if owesContinue { return false }
        if case .length(let missing) = source { return missing <= Int64(limits.drainBytes) }
        return false
    }
}
