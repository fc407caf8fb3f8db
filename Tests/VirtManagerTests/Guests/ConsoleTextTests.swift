import JSON
import Testing

@testable import VirtManager

@Suite struct ConsoleTextTests {
    @Test(arguments: [
        ("plain text\twith tab", "plain text\twith tab"), ("[  \u{1b}[0;32mOK\u{1b}[0m  ] Reached", "[  OK  ] Reached"),
        ("\u{1b}]0;title\u{7}root@vm:~# ", "root@vm:~# "), ("\u{1b}Pabc\u{1b}\\x", "x"), ("a\u{8}b\u{7f}c", "abc"),
        ("\u{1b}(Bx", "x"), ("cut \u{1b}[0;3", "cut "), ("\u{1b}", ""), ("é", "é"),
    ])
    func cleans(line: String, expected: String) {
        #expect(String(decoding: ConsoleText.cleaned(Array(line.utf8)[...]), as: UTF8.self) == expected)
    }

    @Test func theTailHasWholeLines() {
        let text = "first line\r\n\r\n   \r\nsecond \u{1b}[1mline\u{1b}[0m\r\nthird line\r\n"
        #expect(ConsoleText.tail(Array(text.utf8), atMost: 4096) == "first line\nsecond line\nthird line")
        #expect(ConsoleText.tail(Array(text.utf8), atMost: 25) == "second line\nthird line")
        #expect(ConsoleText.tail(Array(text.utf8), atMost: 5) == " line")
        #expect(ConsoleText.tail([], atMost: 5) == "")
        #expect(ConsoleText.tail([0x61, 0xff, 0xc2, 0x9b, 0x62], atMost: 50) == "a\u{fffd}b")
    }

    private static func isFound(_ pattern: String, _ pieces: [String]) throws -> Bool {
        let pattern = try ConsolePattern(pattern)
        var rest: [UInt8] = []
        for piece in pieces where try pattern.isFound(in: Array(piece.utf8), after: &rest) { return true }
        return false
    }

    @Test func patternsAreFoundInLines() throws {
        #expect(try Self.isFound("^web1 login: $", ["boot\r\nweb1 login: \r\n"]))
        #expect(try Self.isFound("login:", ["Debian\r\nweb1 lo", "gi", "n: "]), "a prompt without its line end, in pieces")
        #expect(try Self.isFound("^ready$", ["not\nrea", "dy\n"]))
        #expect(try !Self.isFound("^ready$", ["ready", "-or-not\n"]))
        #expect(try Self.isFound("OK.*Network", ["[\u{1b}[0;32m  OK  \u{1b}[0m] Reached target \u{1b}[0;1;39mNetwork\u{1b}[0m.\r\n"]))
        #expect(try !Self.isFound("one.*two", ["one\ntwo\n"]), "over two lines")
        #expect(try Self.isFound("done", ["10%\r20%\rdone\r"]))
        #expect(try Self.isFound("end", [String(repeating: "x", count: 200_000) + "end\n"]))
    }

    /// What makes backtracking matchers take for ever, and automata grow.
    @Test(
        .timeLimit(.minutes(1)),
        arguments: [
            "^(a+)+$", "(a*)*c", "(a|b)*a(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)(a|b)c",
            "(a|b)*a" + String(repeating: "(a|b)", count: 190) + "c",
        ])
    func noPatternTakesForEver(pattern: String) throws {
        var state: UInt64 = 42
        var text: [UInt8] = []
        for _ in 0..<(96 << 10) {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            text.append(state >> 63 == 0 ? 0x61 : 0x62)
        }
        var rest: [UInt8] = []
        #expect(try !ConsolePattern(pattern).isFound(in: text, after: &rest))
        #expect(rest.count <= ConsolePattern.longestLine)
    }

    @Test(arguments: ["running", "address", "agent", "tcp:22", "tcp:65535", "console:login: $", "console:a:b"])
    func gates(text: String) throws { #expect(try Gate(text).text == text) }

    @Test(arguments: [
        "", "Running", "tcp:", "tcp:0", "tcp:65536", "tcp:+22", "tcp:22 ", "tcp:ssh", "console:", "console:(", "console:a{1001}", "udp:1",
    ])
    func notGates(text: String) {
        let problems = ProblemList()
        Gate.check(["running", text], at: "/wait_for", problems)
        #expect(problems.items.map(\.pointer) == ["/wait_for/1"])
        #expect(problems.items.first?.allowed == Gate.forms)
    }

    @Test func aBadExpressionIsExplained() {
        let problems = ProblemList()
        Gate.check(["console:a[b"], at: "/wait_for", problems)
        #expect(problems.items.first?.detail.contains("Unmatched [") == true, "\(problems.items)")
    }
}
