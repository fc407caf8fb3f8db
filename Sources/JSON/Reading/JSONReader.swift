/// A strict and bounded reader of JSON (RFC 8259): what is doubtful is refused, never repaired, and no input can trap it.
///
/// Refused beyond the grammar: a byte order mark, a name that occurs twice in an object, integers beyond 64 bits, numbers beyond a
/// double, U+0000 in strings (it would end them in C), lone surrogates, text after the value.
package struct JSONReader {
    private static let deepest = 128
    private static let numberLength = 128

    private let bytes: [UInt8]
    private let limits: JSONLimits
    private var position = 0
    private var keys = 0
    private var elements = 0

    private init(_ bytes: [UInt8], _ limits: JSONLimits) {
        self.bytes = bytes
        self.limits = limits
    }

    /// Reads one value that fills `bytes`, white space apart.
    package static func parse(_ bytes: [UInt8], limits: JSONLimits = JSONLimits()) throws(JSONSyntaxError) -> JSONValue {
        guard bytes.count <= limits.bytes else {
            throw JSONSyntaxError(offset: limits.bytes, reason: "the text is longer than \(limits.bytes) bytes")
        }
        var reader = JSONReader(bytes, limits)
        if bytes.starts(with: [0xef, 0xbb, 0xbf]) { throw reader.fault("a byte order mark is not taken") }
        let value = try reader.value(depth: 0)
        reader.skipSpace()
        guard reader.position == bytes.count else { throw reader.fault("there is text after the value") }
        return value
    }

    /// As `parse(_:limits:)`, of a text.
    package static func parse(_ text: String, limits: JSONLimits = JSONLimits()) throws(JSONSyntaxError) -> JSONValue {
        try parse(Array(text.utf8), limits: limits)
    }

    // MARK: Values

    private mutating func value(depth: Int) throws(JSONSyntaxError) -> JSONValue {
        skipSpace()
        guard let byte = peek else { throw fault("the text ends where a value is expected") }
        switch byte {
        case UInt8(ascii: "{"): return try object(depth: depth + 1)
        case UInt8(ascii: "["): return try array(depth: depth + 1)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw fault("a value is expected, not \(Self.show(byte))")
        }
    }

    private mutating func object(depth: Int) throws(JSONSyntaxError) -> JSONValue {
        try enter(depth)
        var object = JSONObject()
        skipSpace()
        if take(UInt8(ascii: "}")) { return .object(object) }
        while true {
            skipSpace()
            guard peek == UInt8(ascii: "\"") else { throw fault(expected: "a field name in double quotes") }
            let start = position
            let name = try string()
            keys += 1
            guard keys <= limits.keys else { throw fault("there are more than \(limits.keys) field names", at: start) }
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw fault(expected: "a colon after the field name") }
            let value: JSONValue
            do { value = try self.value(depth: depth) } catch { throw error.inside(name) }
            guard object.insertNew(name, value) else { throw fault("the name \"\(Self.cut(name))\" occurs twice", at: start) }
            skipSpace()
            if take(UInt8(ascii: ",")) { continue }
            if take(UInt8(ascii: "}")) { return .object(object) }
            throw fault(expected: "a comma or the end of the object")
        }
    }

    private mutating func array(depth: Int) throws(JSONSyntaxError) -> JSONValue {
        try enter(depth)
        var array: [JSONValue] = []
        skipSpace()
        if take(UInt8(ascii: "]")) { return .array(array) }
        while true {
            elements += 1
            guard elements <= limits.elements else { throw fault("there are more than \(limits.elements) array elements") }
            do { array.append(try value(depth: depth)) } catch { throw error.inside(String(array.count)) }
            skipSpace()
            if take(UInt8(ascii: ",")) { continue }
            if take(UInt8(ascii: "]")) { return .array(array) }
            throw fault(expected: "a comma or the end of the array")
        }
    }

    /// Steps over the opening bracket.
    private mutating func enter(_ depth: Int) throws(JSONSyntaxError) {
        let limit = min(limits.depth, Self.deepest)
        guard depth <= limit else { throw fault("arrays and objects lie more than \(limit) deep") }
        position += 1
    }

    private mutating func word(_ word: StaticString, _ value: JSONValue) throws(JSONSyntaxError) -> JSONValue {
        let start = position
        for byte in "\(word)".utf8 where !take(byte) { throw fault("a value is expected", at: start) }
        return value
    }

    // MARK: Numbers

    private mutating func number() throws(JSONSyntaxError) -> JSONValue {
        let start = position
        let isNegative = take(UInt8(ascii: "-"))
        var isInteger = true
        let first = position
        let digits = skipDigits()
        guard digits > 0 else { throw fault(expected: "a digit") }
        guard digits == 1 || bytes[first] != UInt8(ascii: "0") else { throw fault("a number must not begin with 0", at: first) }
        if take(UInt8(ascii: ".")) {
            isInteger = false
            guard skipDigits() > 0 else { throw fault(expected: "a digit after the decimal point") }
        }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            isInteger = false
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            guard skipDigits() > 0 else { throw fault(expected: "a digit of the exponent") }
        }
        guard position - start <= Self.numberLength else { throw fault("the number is too long", at: start) }
        if isInteger { return .integer(try integer(first..<position, isNegative: isNegative)) }
        guard let value = Double(String(decoding: bytes[start..<position], as: UTF8.self)), value.isFinite else {
            throw fault("the number is beyond the range of a double", at: start)
        }
        return .number(value)
    }

    /// Counts downwards: the negative range is the larger one.
    private func integer(_ digits: Range<Int>, isNegative: Bool) throws(JSONSyntaxError) -> Int64 {
        var value: Int64 = 0
        for byte in bytes[digits] {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (difference, borrow) = product.subtractingReportingOverflow(Int64(byte &- 48))
            guard !overflow, !borrow else { throw fault("the integer is beyond 64 bits", at: digits.lowerBound) }
            value = difference
        }
        if isNegative { return value }
        guard value != .min else { throw fault("the integer is beyond 64 bits", at: digits.lowerBound) }
        return -value
    }

    private mutating func skipDigits() -> Int {
        let start = position
        while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
        return position - start
    }

    // MARK: Strings

    private mutating func string() throws(JSONSyntaxError) -> String {
        let opening = position
        position += 1
        let start = position
        var seen: UInt8 = 0
        while position < bytes.count {
            seen |= bytes[position]
            switch bytes[position] {
            case UInt8(ascii: "\""):
                let run = bytes[start..<position]
                position += 1
                // ASCII, by far the most, needs no check.
                return seen < 128 ? String(decoding: run, as: UTF8.self) : try text(run, at: start)
            case UInt8(ascii: "\\"): return try escapedString(from: start, opening: opening)
            case 0..<32: throw fault("a control character in a string must be escaped")
            default: position += 1
            }
        }
        throw fault("the string does not end", at: opening)
    }

    /// A string with at least one escape, of which the plain part from `start` to here is already looked at.
    private mutating func escapedString(from start: Int, opening: Int) throws(JSONSyntaxError) -> String {
        var content = Array(bytes[start..<position])
        // Bytes are checked as UTF-8 run by run, so that an escape cannot complete a broken sequence.
        _ = try text(bytes[start..<position], at: start)
        while position < bytes.count {
            let run = position
            switch bytes[position] {
            case UInt8(ascii: "\""):
                position += 1
                return String(decoding: content, as: UTF8.self)
            case UInt8(ascii: "\\"):
                position += 1
                content.append(contentsOf: Array(String(Character(try escape())).utf8))
            case 0..<32: throw fault("a control character in a string must be escaped")
            default:
                while let byte = peek, byte >= 32, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") { position += 1 }
                _ = try text(bytes[run..<position], at: run)
                content.append(contentsOf: bytes[run..<position])
            }
        }
        throw fault("the string does not end", at: opening)
    }

    private mutating func escape() throws(JSONSyntaxError) -> Unicode.Scalar {
        let start = position - 1
        guard let byte = peek else { throw fault("the string does not end", at: start) }
        position += 1
        switch byte {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try unicodeEscape(start)
        default: throw fault("the escape \\\(Self.show(byte)) does not exist", at: start)
        }
    }

    private mutating func unicodeEscape(_ start: Int) throws(JSONSyntaxError) -> Unicode.Scalar {
        let unit = try fourDigits(start)
        if unit == 0 { throw fault("\\u0000 is not taken in strings", at: start) }
        if let scalar = Unicode.Scalar(unit) { return scalar }
        guard unit < 0xdc00, take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else { throw fault("a lone surrogate", at: start) }
        let low = try fourDigits(start)
        guard (0xdc00...0xdfff).contains(low), let scalar = Unicode.Scalar(0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00)) else {
            throw fault("a lone surrogate", at: start)
        }
        return scalar
    }

    private mutating func fourDigits(_ start: Int) throws(JSONSyntaxError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek, let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 128 else {
                throw fault("\\u needs four hexadecimal digits", at: start)
            }
            value = value << 4 | UInt32(truncatingIfNeeded: digit)
            position += 1
        }
        return value
    }

    private func text(_ slice: ArraySlice<UInt8>, at start: Int) throws(JSONSyntaxError) -> String {
        if let text = String(validating: slice, as: UTF8.self) { return text }
        var parser = Unicode.UTF8.ForwardParser()
        var iterator = slice.makeIterator()
        var offset = start
        while case .valid(let scalar) = parser.parseScalar(from: &iterator) { offset += scalar.count }
        throw fault("the bytes are not UTF-8", at: offset)
    }

    // MARK: Bytes

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = peek, byte == 32 || byte == 10 || byte == 13 || byte == 9 { position += 1 }
    }

    private func fault(_ reason: String, at offset: Int? = nil) -> JSONSyntaxError {
        JSONSyntaxError(offset: offset ?? position, reason: reason)
    }

    private func fault(expected what: String) -> JSONSyntaxError {
        guard let byte = peek else { return fault("the text ends where \(what) is expected") }
        return fault("\(what) is expected, not \(Self.show(byte))")
    }

    private static func show(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16)
        return (33..<127).contains(byte) ? "`\(Character(Unicode.Scalar(byte)))`" : "the byte 0x\(digits.count < 2 ? "0" : "")\(digits)"
    }

    private static func cut(_ name: String) -> String {
        name.unicodeScalars.count > 64 ? String(String.UnicodeScalarView(name.unicodeScalars.prefix(64))) + "…" : name
    }
}
