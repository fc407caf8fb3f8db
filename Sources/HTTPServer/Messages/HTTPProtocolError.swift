/// A request that the server itself refuses, before or instead of the handler.
///
/// The application renders it, so that every error has one shape. The connection is closed afterwards.
package struct HTTPProtocolError: Error, Equatable, Sendable {
    /// 400, 408, 413, 414, 417, 421, 431, 500, 501, 503 or 505.
    package let status: Int
    /// Stable and for programs, such as `http.bad_framing`.
    package let code: String
    /// For people; never contains bytes of the request.
    package let detail: String

    package init(status: Int, code: String, detail: String) {
        self.status = status
        self.code = code
        self.detail = detail
    }

    static func badRequest(_ code: String, _ detail: String) -> HTTPProtocolError {
        HTTPProtocolError(status: 400, code: code, detail: detail)
    }

    static func badRequestLine(_ detail: String) -> HTTPProtocolError { badRequest("http.bad_request_line", detail) }
    static func badTarget(_ detail: String) -> HTTPProtocolError { badRequest("http.bad_target", detail) }
    static func badHeader(_ detail: String) -> HTTPProtocolError { badRequest("http.bad_header", detail) }
    static func badHost(_ detail: String) -> HTTPProtocolError { badRequest("http.bad_host", detail) }
    static func badFraming(_ detail: String) -> HTTPProtocolError { badRequest("http.bad_framing", detail) }

    static let headerTooLarge = HTTPProtocolError(
        status: 431, code: "http.header_too_large", detail: "The header fields are too large.")
    static let tooManyFields = HTTPProtocolError(
        status: 431, code: "http.too_many_fields", detail: "The request has too many header fields.")
    static let targetTooLong = HTTPProtocolError(
        status: 414, code: "http.request_line_too_long", detail: "The request line is too long.")
    static let misdirected = HTTPProtocolError(
        status: 421, code: "http.misdirected", detail: "This server does not answer for the host named in the request.")
    static let headTimeout = HTTPProtocolError(
        status: 408, code: "http.head_timeout", detail: "The request head did not arrive in time.")
    static let bodyTimeout = HTTPProtocolError(
        status: 408, code: "http.body_timeout", detail: "The request body arrived too slowly.")
    static let overloaded = HTTPProtocolError(
        status: 503, code: "http.too_many_connections", detail: "The server has too many connections.")
    static let badResponse = HTTPProtocolError(
        status: 500, code: "http.bad_response", detail: "The server made a response that must not be sent.")
}
