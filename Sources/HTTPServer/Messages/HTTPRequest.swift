/// A request as the handler sees it. Framing, target and Host are checked already.
package struct HTTPRequest: Sendable {
    package var method: HTTPMethod
    /// Still percent-encoded, begins with "/"; decoding its segments gives no slash, dot segment, control character
    /// or bad UTF-8.
    package var path: String
    /// After the "?", still percent-encoded.
    package var query: String?
    package var headers: HTTPFields
    package var peer: HTTPPeer
    package var body: HTTPRequestBody
    /// The client's `X-Request-Id` if it is 1 to 64 letters, digits, "-", "_" or ".".
    package var id: String?
    /// nil for one that came over no connection.
    let link: HTTPClientLink?

    package init(
        method: HTTPMethod, path: String, query: String? = nil, headers: HTTPFields = [:], peer: HTTPPeer,
        body: HTTPRequestBody = .empty, id: String? = nil
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.peer = peer
        self.body = body
        self.id = id
        link = nil
    }

    init(head: RequestHead, peer: HTTPPeer, body: HTTPRequestBody, link: HTTPClientLink) {
        self.link = link
        method = head.method
        path = head.path
        query = head.query
        headers = head.fields
        self.peer = peer
        self.body = body
        id = head.fields["x-request-id"].flatMap { id in
            (1...64).contains(id.utf8.count) && id.utf8.allSatisfy(FieldGrammar.isHost) ? id : nil
        }
    }
}
