/// Console output as text: what a terminal would have taken as commands is left out.
enum ConsoleText {
    private static let escape: UInt8 = 0x1b
    private static let bell: UInt8 = 0x07

    /// One line's bytes without escape sequences (ECMA-48) and control characters but tabs.
    static func cleaned(_ line: ArraySlice<UInt8>) -> [UInt8] {
        guard line.contains(where: { $0 < 0x20 && $0 != 9 || $0 == 0x7f }) else { return Array(line) }
        var clean: [UInt8] = []
        clean.reserveCapacity(line.count)
        var index = line.startIndex
        while index < line.endIndex {
            let byte = line[index]
            if byte == escape {
                index = endOfSequence(line, from: index)
                continue
            }
            if byte >= 0x20 && byte != 0x7f || byte == 9 { clean.append(byte) }
            index += 1
        }
        return clean
    }

    /// The index behind the escape sequence that begins at `start`.
    private static func endOfSequence(_ line: ArraySlice<UInt8>, from start: Int) -> Int {
        var index = start + 1
        guard index < line.endIndex else { return index }
        switch line[index] {
        case UInt8(ascii: "["):
            index += 1
            while index < line.endIndex, (0x20...0x3f).contains(line[index]) { index += 1 }
            return min(index + 1, line.endIndex)
        case UInt8(ascii: "]"), UInt8(ascii: "P"), UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "X"):
            // A string, ended by a bell or by ESC \.
            index += 1
            while index < line.endIndex {
                if line[index] == bell { return index + 1 }
                if line[index] == escape { return min(index + 2, line.endIndex) }
                index += 1
            }
            return index
        default:
            while index < line.endIndex, (0x20...0x2f).contains(line[index]) { index += 1 }
            return min(index + 1, line.endIndex)
        }
    }

    /// The end of the console for an error: whole lines as far as possible, valid text, no empty lines in a row.
    static func tail(_ bytes: [UInt8], atMost limit: Int) -> String {
        var lines = bytes.split(whereSeparator: { $0 == 10 || $0 == 13 }).map { cleaned($0) }.filter { line in
            line.contains { $0 != 0x20 && $0 != 9 }
        }
        var count = lines.reduce(0) { $0 + $1.count + 1 }
        while count > limit, lines.count > 1 { count -= lines.removeFirst().count + 1 }
        if count > limit, let last = lines.popLast() { lines = [Array(last.suffix(limit))] }
        // What looks like a control character only once it is text (C1).
        let text = String(decoding: Array(lines.joined(separator: [10])), as: UTF8.self)
        return String(String.UnicodeScalarView(text.unicodeScalars.filter { !(0x80...0x9f).contains($0.value) }))
    }
}
