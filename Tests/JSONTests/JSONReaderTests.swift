import Foundation
import JSON
import Testing

@Suite struct JSONReaderTests {
    static let accepted: [(String, JSONValue)] = [
        ("null", .null), (" true ", true), ("false", false), ("0", 0), ("-0", 0), ("7", 7), ("-12", -12),
        ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
        ("1.0", 1.0), ("1e2", 100.0), ("-0.5E-1", -0.05), ("1E+2", 100.0), ("1.7976931348623157e308", 1.7976931348623157e308),
        ("[]", []), ("{}", [:]), ("[ 1 , [ ] , { } ]", [1, [], [:]]), ("\t\r\n{\"a\" : 1}\n", ["a": 1]),
        (#""a\"\\\/\b\f\n\r\tü\u00e9\u20ac""#, "a\"\\/\u{8}\u{c}\n\r\tü\u{e9}\u{20ac}"),
        (#""\ud83d\ude00 \uD83D\uDE00""#, "😀 😀"), (#""\uffff""#, "\u{ffff}"), ("\"\u{7f}\"", "\u{7f}"),
        (#"{"a":{"b":[{"c":null}]}}"#, ["a": ["b": [["c": .null]]]]), (#"{"":1}"#, ["": 1]),
    ]

    @Test(arguments: accepted) func accepts(_ text: String, _ value: JSONValue) throws {
        #expect(try JSONReader.parse(text) == value)
        // Foundation takes all of it as well.
        _ = try JSONSerialization.jsonObject(with: Data(text.utf8), options: .fragmentsAllowed)
    }

    static let refused: [(String, Int, String)] = [
        ("", 0, "the text ends"), ("  ", 2, "the text ends"), ("nul", 0, "a value"), ("True", 0, "a value"), ("nulll", 4, "text after"),
        ("{", 1, "a field name"), ("[", 1, "the text ends"), ("[1", 2, "a comma"), ("[1,", 3, "the text ends"), ("[1,]", 3, "a value"),
        ("{\"a\":1,}", 7, "a field name"), ("{\"a\" 1}", 5, "a colon"), ("{a:1}", 1, "a field name"), ("{'a':1}", 1, "a field name"),
        ("{\"a\":}", 5, "a value"), ("{\"a\":1", 6, "a comma"), ("[1 2]", 3, "a comma"), ("1 2", 2, "text after"), ("{}x", 2, "text after"),
        ("{\"a\":1,\"b\":2,\"a\":3}", 13, "the name \"a\" occurs twice"), ("01", 0, "must not begin with 0"), ("-", 1, "a digit"),
        ("-01", 1, "must not begin"), ("+1", 0, "a value"), (".5", 0, "a value"), ("1.", 2, "a digit"), ("1.e1", 2, "a digit"),
        ("1e", 2, "a digit"), ("1e+", 3, "a digit"), ("0x10", 1, "text after"), ("NaN", 0, "a value"), ("Infinity", 0, "a value"),
        ("-Infinity", 1, "a digit"), ("1_000", 1, "text after"), ("1e400", 0, "range of a double"), ("-1e999", 0, "range of a double"),
        ("9223372036854775808", 0, "beyond 64 bits"), ("-9223372036854775809", 1, "beyond 64 bits"),
        ("123456789012345678901234567890", 0, "beyond 64 bits"), ("[" + String(repeating: "9", count: 200) + "]", 1, "too long"),
        ("\"a", 0, "does not end"), ("\"a\\", 2, "does not end"), ("\"a\\n", 0, "does not end"), ("\"a\nb\"", 2, "control character"),
        ("\"\\t\nb\"", 3, "control character"), ("\"\u{0}\"", 1, "control character"), ("\"\\x41\"", 1, "does not exist"),
        ("\"\\u12\"", 1, "four hexadecimal"), ("\"\\u12g4\"", 1, "four hexadecimal"), ("\"\\u+123\"", 1, "four hexadecimal"),
        ("\"\\u0000\"", 1, "not taken"), ("\"\\ud800\"", 1, "lone surrogate"), ("\"\\udc00\"", 1, "lone surrogate"),
        ("\"\\ud800\\ud800\"", 1, "lone surrogate"), ("\"\\ud800\\u0041\"", 1, "lone surrogate"), ("\"\\ud800x\"", 1, "lone surrogate"),
        ("// c\n1", 0, "a value"), ("/* c */1", 0, "a value"), ("\u{feff}1", 0, "byte order mark"), ("\u{a0}1", 0, "a value"),
        ("\u{c}1", 0, "a value"), (String(repeating: "[", count: 65), 64, "more than 64 deep"),
    ]

    @Test(arguments: refused) func refuses(_ text: String, _ offset: Int, _ reason: String) throws {
        let error = try #require(throws: JSONSyntaxError.self) { try JSONReader.parse(text) }
        #expect(error.offset == offset, "\(error)")
        #expect(error.reason.contains(reason), "\(error)")
    }

    static let badUTF8: [([UInt8], Int)] = [
        ([0x80], 1), ([0x61, 0xff], 2), ([0xc0, 0xaf], 1), ([0xed, 0xa0, 0x80], 1), ([0xf4, 0x90, 0x80, 0x80], 1), ([0xc3], 1),
        ([0x5c, 0x6e, 0xe2, 0x82], 3), ([0xe2, 0x82, 0x5c, 0x6e, 0xac], 1), ([0xf0, 0x9f, 0x98], 1),
    ]

    @Test(arguments: badUTF8) func refusesBadUTF8(_ bytes: [UInt8], _ offset: Int) throws {
        let text: [UInt8] = [UInt8(ascii: "\"")] + bytes + [UInt8(ascii: "\"")]
        let error = try #require(throws: JSONSyntaxError.self) { try JSONReader.parse(text) }
        #expect(error.reason.contains("UTF-8"))
        #expect(error.offset == offset)
    }

    @Test func refusesUTF16() {
        #expect(throws: JSONSyntaxError.self) { try JSONReader.parse([0xff, 0xfe, 0x31, 0x00]) }
        #expect(throws: JSONSyntaxError.self) { try JSONReader.parse([0x31, 0x00]) }
    }

    @Test func namesTheValueOfTheFault() throws {
        let error = try #require(throws: JSONSyntaxError.self) { try JSONReader.parse(#"{"disks":[{"size":1},{"a/b~":tru}]}"#) }
        #expect(error.pointer == "/disks/1/a~1b~0")
        #expect(error.description.contains("in /disks/1/a~1b~0"))
    }

    @Test func limitsHoldAtTheLimitAndOnePast() throws {
        func nested(_ depth: Int) -> String { String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
        #expect(throws: Never.self) { try JSONReader.parse(nested(64)) }
        #expect(throws: JSONSyntaxError.self) { try JSONReader.parse(nested(65)) }
        func object(_ keys: Int) -> String { "{" + (0..<keys).map { "\"k\($0)\":0" }.joined(separator: ",") + "}" }
        #expect(throws: Never.self) { try JSONReader.parse(object(10_000)) }
        #expect(throws: JSONSyntaxError.self) { try JSONReader.parse(object(10_001)) }
        // Keys count over all objects of the text.
        #expect(throws: JSONSyntaxError.self) { try JSONReader.parse("[\(object(5_001)),\(object(5_000))]") }
        func array(_ count: Int) -> String { "[" + String(repeating: "1,", count: count - 1) + "1]" }
        #expect(throws: Never.self) { try JSONReader.parse(array(100_000)) }
        #expect(throws: JSONSyntaxError.self) { try JSONReader.parse(array(100_001)) }
        var limits = JSONLimits()
        limits.bytes = 4
        #expect(throws: Never.self) { try JSONReader.parse("1234", limits: limits) }
        #expect(throws: JSONSyntaxError.self) { try JSONReader.parse("12345", limits: limits) }
        limits.bytes = 1 << 20
        limits.depth = 1_000_000
        #expect(throws: Never.self) { try JSONReader.parse(nested(128), limits: limits) }
        #expect(throws: JSONSyntaxError.self) { try JSONReader.parse(nested(129), limits: limits) }
    }

    @Test(arguments: ["[", "{\"a\":", "[[],", "\"", "\\", "1", "{\"a\":[", " ", "\"\\u0041"])
    func survivesTenMebibytes(of piece: String) {
        let bytes = Array(String(repeating: piece, count: (10 << 20) / piece.utf8.count).utf8)
        #expect(throws: JSONSyntaxError.self) { try JSONReader.parse(bytes) }
        var limits = JSONLimits.own
        limits.depth = .max
        #expect(throws: JSONSyntaxError.self) { try JSONReader.parse(bytes, limits: limits) }
    }

    @Test func longStringsAndManyElementsAreRead() throws {
        let text = String(repeating: "aü\\n", count: 500_000)
        #expect(try JSONReader.parse("\"\(text)\"").stringValue?.unicodeScalars.count == 1_500_000)
    }

    @Test func readsWhatFoundationWrites() throws {
        var random = RandomJSON(seed: 7)
        for _ in 0..<200 {
            let strings = (0..<8).map { _ in random.string() }
            let written = try JSONEncoder().encode(strings)
            #expect(try JSONReader.parse(Array(written)) == .array(strings.map(JSONValue.string)))
        }
    }

    /// Damaged texts never trap, and what is accepted Foundation accepts too.
    @Test func isStricterThanFoundation() throws {
        var random = RandomJSON(seed: 42)
        var accepted = 0
        for _ in 0..<3000 {
            var bytes = random.value().compact()
            for _ in 0...random.below(2) {
                let at = random.below(bytes.count)
                switch random.below(3) {
                case 0: bytes[at] = UInt8(truncatingIfNeeded: random.next())
                case 1 where bytes.count > 1: bytes.remove(at: at)
                default: bytes.insert(Array("{}[]\",:\\0e-.u".utf8)[random.below(13)], at: at)
                }
            }
            guard (try? JSONReader.parse(bytes)) != nil else { continue }
            accepted += 1
            #expect(throws: Never.self, "\(String(decoding: bytes, as: UTF8.self))") {
                try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
            }
        }
        #expect(accepted > 100)
    }
}
