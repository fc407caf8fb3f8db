internal import Platform

/// What a `console:` gate looks for: a POSIX extended regular expression, found in one line.
package struct ConsolePattern: Sendable, Hashable {
    let text: String

    init(_ text: String) throws(RegularExpression.Failure) {
        _ = try RegularExpression(text)
        self.text = text
    }

    /// A line is matched as far as this; what follows counts as the next one.
    static let longestLine = 8 << 10
    /// After so many bytes the expression is compiled anew, which frees what matching has gathered.
    private static let recompileBytes = 16 << 10

    /// Looks for the pattern in `rest` and the text that followed it. Takes long: not for a thread that others wait for.
    ///
    /// - Parameter rest: the last line so far, unfinished; left as it is now.
    func isFound(in bytes: [UInt8], after rest: inout [UInt8]) throws -> Bool {
        var expression = try RegularExpression(text)
        var matched = 0
        func isFound(_ line: ArraySlice<UInt8>, isWhole: Bool) throws -> Bool {
            let clean = ConsoleText.cleaned(line)
            matched += clean.count
            if matched > Self.recompileBytes {
                matched = clean.count
                expression = try RegularExpression(text)
            }
            return expression.isFound(in: clean[...], isWhole: isWhole)
        }
        var line = rest
        var start = 0
        while let end = bytes[start...].firstIndex(where: { $0 == 10 || $0 == 13 }) {
            line += bytes[start..<end]
            start = end + 1
            while line.count > Self.longestLine {
                if try isFound(line.prefix(Self.longestLine), isWhole: true) { return true }
                line.removeFirst(Self.longestLine)
            }
            // Between CR and LF stands nothing.
            if !line.isEmpty || end == 0 || bytes[end - 1] != 13, try isFound(line[...], isWhole: true) { return true }
            line.removeAll(keepingCapacity: true)
        }
        line += bytes[start...]
        while line.count > Self.longestLine {
            if try isFound(line.prefix(Self.longestLine), isWhole: true) { return true }
            line.removeFirst(Self.longestLine)
        }
        rest = line
        // A prompt has no line end.
        return try !line.isEmpty && isFound(line[...], isWhole: false)
    }
}
