/// One field line (RFC 9112 §5).
enum FieldLine {
    /// Checks `line` (without CRLF) and adds it to `fields`.
    static func parse(_ line: UnsafeRawBufferPointer, into fields: inout HTTPFields) throws(HTTPProtocolError) {
        guard let first = line.first else { return }
        // RFC 9112 §2.2 and §5.2: white space before the first field and folded lines.
        if first == 0x20 || first == 0x09 { throw .badHeader("A header line begins with white space.") }
        var colon = 0
        while colon < line.count, FieldGrammar.isToken(line[colon]) { colon += 1 }
        // RFC 9112 §5.1: no white space between name and colon.
        guard colon > 0, colon < line.count, line[colon] == 0x3a else { throw .badHeader("A header name is not a token.") }
        var start = colon + 1
        var end = line.count
        while start < end, line[start] == 0x20 || line[start] == 0x09 { start += 1 }
        while end > start, line[end - 1] == 0x20 || line[end - 1] == 0x09 { end -= 1 }
        for index in start..<end where !FieldGrammar.isValue(line[index]) {
            // RFC 9110 §5.5: CR, LF, NUL and other control characters.
            throw .badHeader("A header value holds a control character.")
        }
        fields.append(
            name: UnsafeRawBufferPointer(rebasing: line[..<colon]), value: UnsafeRawBufferPointer(rebasing: line[start..<end]))
    }
}
