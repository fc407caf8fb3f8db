internal import JSON
internal import Platform

/// Where a page ended: the sort key of its last thing. It stays right when things come and go meanwhile.
struct Cursor: Equatable, Sendable {
    let sort: String
    /// The value sorted by, then those of the tie.
    let key: [String]

    /// Opaque text for `after=`.
    var text: String {
        let value = JSONValue.array(([sort] + key).map(JSONValue.string))
        return hexadecimal(value.compact())
    }

    init(sort: String, key: [String]) {
        self.sort = sort
        self.key = key
    }

    /// nil for anything that is no cursor of ours.
    init?(_ text: String) {
        let digits = Array(text.utf8)
        guard digits.count % 2 == 0, digits.count <= 4096 else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = Self.digit(digits[index]), let low = Self.digit(digits[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        guard let parts = (try? JSONReader.parse(bytes))?.arrayValue else { return nil }
        let texts = parts.compactMap(\.stringValue)
        guard let sort = texts.first, texts.count == parts.count else { return nil }
        self.sort = sort
        key = Array(texts.dropFirst())
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
