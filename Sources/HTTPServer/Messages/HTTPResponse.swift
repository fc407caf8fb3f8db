/// What a handler answers.
package struct HTTPResponse: Sendable {
    /// 200 to 599 (RFC 9110 §15).
    package var status: Int
    /// Content-Length, Transfer-Encoding, Connection, Keep-Alive, Date and Server are the server's own and left out here.
    package var fields: HTTPFields
    package var body: HTTPResponseBody
    /// Close the connection after this answer.
    package var closesConnection = false
    /// The handler knows the caller: its connection no longer counts as unauthenticated, nor against its address.
    package var callerIsKnown = false

    package init(status: Int, fields: HTTPFields = [:], body: HTTPResponseBody = .none) {
        self.status = status
        self.fields = fields
        self.body = body
    }
}

package enum HTTPResponseBody: Sendable {
    case none
    /// Sent from where it lies: an array shared by many answers is never copied in user space.
    case bytes([UInt8])
    /// Bytes made while they are sent. With `length` exactly so many must come, without one they go out chunked.
    /// Not run for HEAD. An error thrown cuts the connection, so that the client sees the answer is not complete.
    case stream(length: Int64?, @Sendable (HTTPBodyWriter) async throws -> Void)
}
