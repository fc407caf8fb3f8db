/// Why a body could not be read or an answer's body not be written.
package enum HTTPBodyError: Error, Equatable, Sendable {
    /// More bytes than the reader wanted (413).
    case tooLarge
    /// The framing was wrong or the body too slow; the server has answered already.
    case malformed(HTTPProtocolError)
    /// The peer is gone, or the server has closed the connection.
    case disconnected
    /// The reading task was cancelled.
    case cancelled
    /// A streamed answer brought more bytes than its stated length.
    case lengthExceeded
}
