/// The application behind the server. All calls come on the server's loop thread: what takes over a millisecond
/// leaves it for a blocking pool.
package protocol HTTPHandler: Sendable {
    /// Answers one request. An answer without suspension goes out at once. The task is cancelled when the peer is gone.
    func respond(to request: HTTPRequest) async -> HTTPResponse

    /// Renders an error that the server found itself; `request` is there if the head could be read. The body must be
    /// `.none` or `.bytes`, and the connection closes afterwards.
    func respond(toProtocolError error: HTTPProtocolError, request: HTTPRequest?) -> HTTPResponse
}
