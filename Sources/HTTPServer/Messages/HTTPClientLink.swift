internal import Platform

/// The way back from a request to the connection it came on.
struct HTTPClientLink: Sendable {
    let loop: EventLoop
    let connection: EventLoopConfined<HTTPConnection>
    let exchange: UInt32
}

extension HTTPRequest {
    /// From now on the end of the client's input counts as its leaving: the connection is closed and the handler's task
    /// cancelled. For answers that take long and are of no use to anybody else.
    ///
    /// Not so from the start, as a client may end its side and still wait for an ordinary answer. To be called once the
    /// body has been read.
    package func endWithClient() {
        guard let link else { return }
        link.loop.runOnLoop { link.connection.value.watchInput(link.exchange) }
    }
}
