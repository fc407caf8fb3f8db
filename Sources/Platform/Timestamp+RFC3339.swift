extension Timestamp {
    /// Reads any time of RFC 3339 §5.6: fractions of a second are cut to milliseconds, an offset is turned into UTC, and the
    /// letters may be small. nil for anything else.
    package init?(rfc3339 text: String) {
        let bytes = Array(text.utf8)
        // Date and time to the second; a space may stand for the T.
        guard bytes.count >= 20, bytes.count <= 40, [84, 116, 32].contains(bytes[10]) else { return nil }
        var rest = bytes[19...]
        var milliseconds = [UInt8](repeating: 48, count: 3)
        if rest.first == 46 {
            let digits = rest.dropFirst().prefix { (48...57).contains($0) }
            guard !digits.isEmpty else { return nil }
            for (index, digit) in digits.prefix(3).enumerated() { milliseconds[index] = digit }
            rest = rest.dropFirst(1 + digits.count)
        }
        guard let offset = Self.offsetMinutes(Array(rest)) else { return nil }
        let exact = Array(bytes[..<10]) + [84] + Array(bytes[11..<19]) + [46] + milliseconds + [90]
        guard let local = Timestamp(String(decoding: exact, as: UTF8.self)) else { return nil }
        self.init(milliseconds: local.milliseconds - offset * 60_000)
    }

    /// `Z` or `±hh:mm`.
    private static func offsetMinutes(_ bytes: [UInt8]) -> Int64? {
        if bytes == [90] || bytes == [122] { return 0 }
        guard bytes.count == 6, bytes[0] == 43 || bytes[0] == 45, bytes[3] == 58 else { return nil }
        let digits = [bytes[1], bytes[2], bytes[4], bytes[5]].map { Int64($0) - 48 }
        guard digits.allSatisfy({ (0...9).contains($0) }) else { return nil }
        let hours = digits[0] * 10 + digits[1]
        let minutes = digits[2] * 10 + digits[3]
        guard hours < 24, minutes < 60 else { return nil }
        return (hours * 60 + minutes) * (bytes[0] == 45 ? -1 : 1)
    }
}
