/// A request's head as the parser leaves it: checked, and framed without doubt.
package struct RequestHead: Sendable {
    /// How the body's end is found (RFC 9112 §6.3).
    package enum Framing: Sendable, Equatable {
        case none
        case length(Int64)
        case chunked
    }

    package var method = HTTPMethod.get
    /// Still percent-encoded; begins with "/", or is "*" for `OPTIONS *`.
    package var path = ""
    /// After the first "?", still percent-encoded.
    package var query: String?
    package var isHTTP11 = true
    package var fields = HTTPFields()
    package var framing = Framing.none
    /// The client did not ask to close (RFC 9112 §9.3); never true in HTTP/1.0.
    package var keepsAlive = true
    /// The client waits for 100 before it sends the body (RFC 9110 §10.1.1).
    package var expectsContinue = false
    /// Host name without port, in lower case; nil only in HTTP/1.0.
    package var host: String?
    /// From an absolute-form target; compared with Host at the end of the head.
    var authority: String?
}
