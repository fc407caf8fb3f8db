import Testing

/// One row of the framing table: bytes, the statuses they must be answered with, and what becomes of the connection.
struct FramingCase: Sendable, CustomTestStringConvertible {
    enum Fate: Sendable { case keep, close, waits }

    let name: String
    /// Section of RFC 9110 or 9112 that the row rests on.
    let rfc: String
    let bytes: [UInt8]
    let statuses: [Int]
    let fate: Fate
    /// The last status comes from the handler, not from the parser.
    let byHandler: Bool

    init(_ name: String, _ rfc: String, _ text: String, _ statuses: [Int], _ fate: Fate, byHandler: Bool = false) {
        self.init(name, rfc, Array(text.utf8), statuses, fate, byHandler: byHandler)
    }

    init(_ name: String, _ rfc: String, _ bytes: [UInt8], _ statuses: [Int], _ fate: Fate, byHandler: Bool = false) {
        self.name = name
        self.rfc = rfc
        self.bytes = bytes
        self.statuses = statuses
        self.fate = fate
        self.byHandler = byHandler
    }

    var testDescription: String { "\(name) (\(rfc))" }
}
