import JSON
import Testing

/// What came back for one request.
struct HTTPAnswer: Sendable, CustomStringConvertible {
    let status: Int
    /// Names in lower case.
    let fields: [String: String]
    let body: [UInt8]
    /// From the connect to the last byte.
    let time: Duration

    var text: String { String(decoding: body, as: UTF8.self) }
    var description: String { "\(status) \(text.prefix(2000))" }

    /// The body as JSON; null where it is none.
    var json: JSONValue { (try? JSONReader.parse(body, limits: .own)) ?? .null }

    subscript(name: String) -> JSONValue? { json[name] }

    /// The stable code of a problem.
    var code: String? { json["code"]?.stringValue }
    var items: [JSONValue] { json["items"]?.arrayValue ?? [] }
    var isSuccess: Bool { (200..<300).contains(status) }

    /// This answer if it has one of those statuses; else the test fails here, with the whole answer.
    @discardableResult
    func require(_ statuses: Int..., sourceLocation: SourceLocation = #_sourceLocation) throws -> HTTPAnswer {
        try #require(statuses.contains(status), "\(self)", sourceLocation: sourceLocation)
        return self
    }
}
