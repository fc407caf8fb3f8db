internal import Platform

/// A text that is part of the program, with its entity tag.
struct EmbeddedDocument: Sendable {
    let bytes: [UInt8]
    let entityTag: String

    init(_ text: StaticString) {
        bytes = text.withUTF8Buffer { Array($0) }
        entityTag = "\"\(SHA256.hexadecimalDigest(of: bytes).prefix(32))\""
    }
}
