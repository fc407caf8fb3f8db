/// The held-back start of an image, read without ever running over its end. Numbers are big-endian.
struct HeaderBytes: Sendable {
    let bytes: [UInt8]

    var count: Int { bytes.count }

    func uint32(_ offset: Int) -> UInt32? {
        guard let four = slice(offset, 4) else { return nil }
        return four.reduce(0) { $0 << 8 | UInt32($1) }
    }

    func uint64(_ offset: Int) -> UInt64? {
        guard let eight = slice(offset, 8) else { return nil }
        return eight.reduce(0) { $0 << 8 | UInt64($1) }
    }

    func byte(_ offset: Int) -> UInt8? { bytes.indices.contains(offset) ? bytes[offset] : nil }

    func slice(_ offset: Int, _ length: Int) -> ArraySlice<UInt8>? {
        guard offset >= 0, length >= 0, length <= bytes.count, offset <= bytes.count - length else { return nil }
        return bytes[offset..<offset + length]
    }

    func holds(_ text: some Sequence<UInt8>, at offset: Int) -> Bool {
        let wanted = Array(text)
        return slice(offset, wanted.count).map { $0.elementsEqual(wanted) } ?? false
    }

    /// Text for a message: at most 80 bytes, whatever could disturb a terminal or a log replaced.
    static func printable(_ bytes: some Sequence<UInt8>) -> String {
        let kept = bytes.prefix { $0 != 0 }.prefix(80)
        return String(decoding: kept.map { (32..<127).contains($0) && $0 != 34 && $0 != 92 ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
    }
}
