internal import Platform

/// Takes the bytes of a streamed answer. One writer at a time; may be used from any task.
package final class HTTPBodyWriter: Sendable {
    private let loop: EventLoop
    private let connection: EventLoopConfined<HTTPConnection>
    private let exchange: UInt32

    init(loop: EventLoop, connection: EventLoopConfined<HTTPConnection>, exchange: UInt32) {
        self.loop = loop
        self.connection = connection
        self.exchange = exchange
    }

    /// Sends `bytes` without copying them, and returns once no more than `HTTPLimits.responseQueueBytes` are unsent.
    ///
    /// - Throws: `.disconnected` when the peer is gone or stopped reading, `.lengthExceeded`.
    package func write(_ bytes: [UInt8]) async throws(HTTPBodyError) {
        if bytes.isEmpty { return }
        let outcome = await loop.run { [connection, exchange] in connection.value.appendToStream(bytes, exchange) }
        switch outcome {
        case .accepted: return
        case .gone: throw .disconnected
        case .tooLong: throw .lengthExceeded
        case .full:
            let goesOn = await withCheckedContinuation { continuation in
                loop.runOnLoop { [connection, exchange] in connection.value.waitForSpace(continuation, exchange) }
            }
            if !goesOn { throw .disconnected }
        }
    }
}
