/// Every limit and deadline of the server by name. Times are milliseconds, sizes bytes.
package struct HTTPLimits: Sendable, Equatable {
    /// Request line without its CRLF; past it 414.
    package var requestLineBytes = 8 * 1024
    /// All field lines with their CRLFs; past it 431.
    package var headerBytes = 32 * 1024
    /// Fields in a head; past it 431.
    package var headerFields = 100
    /// One field line without its CRLF; past it 431.
    package var fieldBytes = 8 * 1024
    /// A chunk's size line with its extensions, without CRLF (RFC 9112 §7.1); past it 400.
    package var chunkLineBytes = 256
    /// Chunk extensions of one request together; past it 400.
    package var chunkExtensionBytes = 4 * 1024
    /// Trailer section with its CRLFs; it is checked and thrown away; past it 400.
    package var trailerBytes = 4 * 1024
    /// From a request's first byte to the end of its head; past it 408.
    package var headMilliseconds = 10_000
    /// How long a body may be slower than the floor.
    package var bodyGraceMilliseconds = 10_000
    /// Bytes a second a body must bring on average after the grace; past it 408.
    package var bodyBytesPerSecond = 1024
    /// Longest silence within a body; past it 408.
    package var bodyStallMilliseconds = 30_000
    /// A connection without a request is closed after this.
    package var idleMilliseconds = 60_000
    /// No byte of an answer could be sent for this long: the connection is cut.
    package var writeStallMilliseconds = 30_000
    /// After a last answer, how long the peer's remaining bytes are thrown away before close(2).
    package var lingerMilliseconds = 2_000
    /// Requests on one connection; the last one is answered with `Connection: close`.
    package var requestsPerConnection = 100_000
    /// Open connections; past it 503 and close.
    package var connections = 16_384
    /// Open TCP connections beyond loopback whose caller is not known yet; past it 503 and close.
    package var unauthenticatedConnections = 128
    /// Open connections of one address, not counting unix, loopback and authenticated ones; past it 503 and close.
    package var connectionsPerPeer = 1024
    /// Unsent bytes of a streamed answer before its writer waits.
    package var responseQueueBytes = 1024 * 1024
    /// Received bytes of a body the handler has not taken before the socket is left alone.
    package var bodyQueueBytes = 256 * 1024
    /// A body left unread is read to its end when no more than this is missing; else the connection closes.
    package var drainBytes = 64 * 1024

    package init() {}
}
