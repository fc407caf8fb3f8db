import Testing

@testable import CloudInit

@Suite struct YAMLValueTests {
    @Test(arguments: [
        (YAMLValue.null, "null"), (.bool(true), "true"), (.bool(false), "false"), (.integer(-7), "-7"),
        (.integer(.max), "9223372036854775807"),
        (.number(1.5), "1.5"), (.number(1e16), "1.0e+16"), (.number(.leastNonzeroMagnitude), "5.0e-324"), (.number(1.25e300), "1.25e+300"),
        (.number(.infinity), ".inf"), (.number(-.infinity), "-.inf"), (.number(.nan), ".nan"),
        (.list([]), "[]"), (.map([]), "{}"), (.list([.integer(1), .string("a")]), "[1, \"a\"]"),
        (.map([.init("on", .bool(true)), .init("a: b", .list([.null]))]), "{\"on\": true, \"a: b\": [null]}"),
    ])
    func flowText(value: YAMLValue, text: String) { #expect(value.yaml == text) }

    @Test(arguments: [
        ("", "\"\""), ("yes", "\"yes\""), ("a \"b\" \\", "\"a \\\"b\\\" \\\\\""), ("1\n2\r3\t4", "\"1\\n2\\r3\\t4\""),
        ("\u{0}\u{7F}\u{85}\u{9F}", "\"\\u0000\\u007f\\u0085\\u009f\""),
        ("\u{2028}\u{2029}\u{FEFF}\u{FFFE}\u{FFFF}", "\"\\u2028\\u2029\\ufeff\\ufffe\\uffff\""),
        ("ä€😀\u{A0}", "\"ä€😀\u{A0}\""), ("# - {x}: &a *b !c |", "\"# - {x}: &a *b !c |\""),
    ])
    func strings(value: String, text: String) { #expect(YAMLValue.string(value).yaml == text) }

    @Test func depth() {
        #expect(YAMLValue.string("").depth == 0)
        #expect(YAMLValue.list([.map([.init("a", .list([]))]), .null]).depth == 3)
    }
}
