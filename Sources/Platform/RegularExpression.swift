internal import Glibc

/// A POSIX extended regular expression (regcomp(3), regex(7)) over bytes. Not Sendable: it lives where it is used.
///
/// Back-references and large repetitions are refused: with the first a match can take exponential time, with the second the
/// expression itself exponential memory. What is left is matched by an automaton in one walk over the text, its states made as
/// the text calls for them and never forgotten, up to some 7 KiB for each byte: whoever matches much text gives it in short
/// lines and compiles anew now and then.
package final class RegularExpression {
    package struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
        /// In the words of regerror(3) where it was asked.
        package let description: String
    }

    /// Bytes of an expression.
    package static let longest = 1024
    /// What all `{n,m}` of an expression may multiply to.
    package static let largestRepetition = 1000

    private var compiled = regex_t()

    package init(_ text: String) throws(Failure) {
        guard text.utf8.count <= Self.longest else {
            throw Failure(description: "is longer than \(Self.longest) bytes")
        }
        guard !text.utf8.contains(0) else { throw Failure(description: "has a NUL") }
        try Self.checkCost(Array(text.utf8))
        // Alone first: what is wrong is told of what was given.
        try Self.compile(text, &compiled)
        regfree(&compiled)
        // Without an anchor the matcher begins anew at each byte, which takes quadratic time.
        try Self.compile("^.*(\(text))", &compiled)
    }

    deinit { regfree(&compiled) }

    /// In the C locale whatever the process has: bytes are matched, and those of no valid text too.
    private static func compile(_ text: String, _ compiled: inout regex_t) throws(Failure) {
        let bytes = newlocale(1 << LC_CTYPE | 1 << LC_COLLATE, "C", nil)
        let before = uselocale(bytes)
        defer {
            uselocale(before)
            if let bytes { freelocale(bytes) }
        }
        let code = regcomp(&compiled, text, REG_EXTENDED | REG_NOSUB)
        guard code != 0 else { return }
        var message = [CChar](repeating: 0, count: 256)
        regerror(code, &compiled, &message, message.count)
        throw Failure(description: String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }

    /// Whether it is found in one line, given without its line end.
    ///
    /// - Parameter isWhole: the line is at its end; otherwise more of it may come, and `$` does not match.
    package func isFound(in line: ArraySlice<UInt8>, isWhole: Bool) -> Bool {
        line.withUnsafeBytes { bytes in
            // An empty buffer has no address of its own.
            guard let base = bytes.baseAddress, !bytes.isEmpty else { return execute("", 0, isWhole) }
            return base.withMemoryRebound(to: CChar.self, capacity: bytes.count) { execute($0, bytes.count, isWhole) }
        }
    }

    private func execute(_ text: UnsafePointer<CChar>, _ count: Int, _ isWhole: Bool) -> Bool {
        var range = regmatch_t(rm_so: 0, rm_eo: regoff_t(clamping: count))
        return regexec(&compiled, text, 1, &range, Self.startEnd | (isWhole ? 0 : REG_NOTEOL)) == 0
    }

    /// REG_STARTEND: the text is where the range says, without a NUL at its end. A NUL in it matches nothing.
    private static let startEnd: Int32 = 4

    /// Walks over the expression outside of brackets.
    private static func checkCost(_ text: [UInt8]) throws(Failure) {
        var index = 0
        var product = 1
        var depth = 0
        while index < text.count {
            switch text[index] {
            case UInt8(ascii: "("):
                depth += 1
                index += 1
            case UInt8(ascii: ")"):
                depth -= 1
                // To regcomp a character like any other, but within the parentheses that are put around all of it their end.
                guard depth >= 0 else { throw Failure(description: "has a ) without its (; as a character it is \\)") }
                index += 1
            case UInt8(ascii: "\\"):
                if index + 1 < text.count, (UInt8(ascii: "1")...UInt8(ascii: "9")).contains(text[index + 1]) {
                    throw Failure(description: "back-references are not taken")
                }
                index += 2
            case UInt8(ascii: "["): index = endOfBrackets(text, from: index)
            case UInt8(ascii: "{"):
                let end = text[index...].firstIndex(of: UInt8(ascii: "}")) ?? text.count
                let bounds = text[(index + 1)..<end].split(separator: UInt8(ascii: ","))
                let largest = bounds.compactMap { Int(String(decoding: $0, as: UTF8.self)) }.max() ?? 1
                let (next, overflows) = product.multipliedReportingOverflow(by: max(1, largest))
                guard !overflows, next <= largestRepetition else {
                    throw Failure(description: "repeats too much: all {n,m} may multiply to \(largestRepetition) at most")
                }
                product = next
                index = end + 1
            default: index += 1
            }
        }
    }

    /// Behind the bracket expression that begins at `start`: a first `]` in it is a character, and so is one in `[:…:]`.
    private static func endOfBrackets(_ text: [UInt8], from start: Int) -> Int {
        var index = start + 1
        if index < text.count, text[index] == UInt8(ascii: "^") { index += 1 }
        if index < text.count, text[index] == UInt8(ascii: "]") { index += 1 }
        while index < text.count, text[index] != UInt8(ascii: "]") {
            if text[index] == UInt8(ascii: "["), index + 1 < text.count, ":.=".utf8.contains(text[index + 1]) {
                let kind = text[index + 1]
                index += 2
                while index + 1 < text.count, !(text[index] == kind && text[index + 1] == UInt8(ascii: "]")) { index += 1 }
                index += 1
            }
            index += 1
        }
        return index + 1
    }
}
