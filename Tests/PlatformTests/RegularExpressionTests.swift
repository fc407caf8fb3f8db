import Glibc
import Testing

@testable import Platform

@Suite struct RegularExpressionTests {
    private static func isFound(_ expression: String, _ line: String, isWhole: Bool = true) throws -> Bool {
        try RegularExpression(expression).isFound(in: Array(line.utf8)[...], isWhole: isWhole)
    }

    @Test(arguments: [
        ("login: ?$", "debian login: ", true), ("^Linux", "x Linux", false),
        ("(ready|up) after [0-9.]+s", "guest: ready after 6.64s", true),
        ("[[:digit:]]{3}", "ab 123", true), ("[]x]+", "]", true), ("", "anything", true), ("^$", "", true), ("a", "", false),
        (#"\.log"#, "xlog", false), ("[\\1]", "1", true), ("b|^a$", "a", true), ("x|^b", "ab", false),
    ])
    func finds(expression: String, line: String, expected: Bool) throws {
        #expect(try Self.isFound(expression, line) == expected)
    }

    @Test func aLineThatMayGoOnHasNoEnd() throws {
        #expect(try !Self.isFound("ready$", "not ready", isWhole: false))
        #expect(try Self.isFound("ready", "not ready", isWhole: false))
    }

    @Test func bytesOfAnyKindAreMatched() throws {
        let expression = try RegularExpression("b.d$")
        #expect(expression.isFound(in: [0x61, 1, 0xff, 0x62, 0xfe, 0x64][...], isWhole: true))
        let line = Array("skipped:bad".utf8)
        #expect(!expression.isFound(in: line[0..<7], isWhole: true))
    }

    @Test(arguments: [
        ("(", "Unmatched"), ("a)|(b", "without its ("), ("login)", "without its ("), ("[a", "Unmatched"), ("a{2,1}", "Invalid"),
        ("a\\", "Trailing"), (#"(a)\1"#, "back-references"),
        ("(a{100}){100}", "repeats too much"), ("a{1001}", "repeats too much"), ("a{99999999999999999999}{2}{501}", "repeats too much"),
        ("a\u{0}b", "NUL"), (String(repeating: "a", count: 1025), "1024"),
    ])
    func refuses(expression: String, reason: String) throws {
        let failure = #expect(throws: RegularExpression.Failure.self) { _ = try RegularExpression(expression) }
        #expect(failure?.description.contains(reason) == true, "\(failure?.description ?? "")")
    }

    @Test func whatIsAllowedIsTaken() throws {
        #expect(throws: Never.self) { _ = try RegularExpression(String(repeating: "a", count: 1024)) }
        #expect(throws: Never.self) { _ = try RegularExpression("(a{10}){100}") }
        #expect(throws: Never.self) { _ = try RegularExpression("[{]{2}[[:alpha:]{5000}]") }
    }
}

@Suite struct ConnectionProbeTests {
    /// A listening socket on a port of the kernel's choice.
    private static func listener() throws -> (descriptor: Int32, port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        inet_pton(AF_INET, "127.0.0.1", &address.sin_addr)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let size = length
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                bind(descriptor, raw, size) == 0 && listen(descriptor, 4) == 0 && getsockname(descriptor, raw, &length) == 0
            }
        }
        try #require(code)
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    private static func settled(_ probe: borrowing ConnectionProbe) async throws -> ConnectionProbe.Outcome {
        let end = ContinuousClock.now + .seconds(10)
        while true {
            let outcome = probe.outcome
            if outcome != .underWay || ContinuousClock.now > end { return outcome }
            try await Task.sleep(for: .milliseconds(1))
        }
    }

    @Test func reachesWhatListens() async throws {
        let (descriptor, port) = try Self.listener()
        let open = try await { () async throws -> ConnectionProbe.Outcome? in
            guard let probe = ConnectionProbe(address: "127.0.0.1", port: port) else { return nil }
            return try await Self.settled(probe)
        }()
        #expect(open == .connected)
        close(descriptor)
        let refused = try await { () async throws -> ConnectionProbe.Outcome? in
            guard let probe = ConnectionProbe(address: "127.0.0.1", port: port) else { return nil }
            return try await Self.settled(probe)
        }()
        #expect(refused == .failed("Connection refused"))
    }

    @Test func needsANumericAddress() {
        let isNone = ConnectionProbe(address: "localhost", port: 1) == nil
        #expect(isNone)
    }
}

@Suite struct NumericAddressTests {
    @Test(arguments: ["192.168.122.5", "10.0.0.1", "8.8.8.8", "fd00::1", "2001:db8::5", "::ffff:10.0.0.1"])
    func ordinary(text: String) throws { #expect(NumericAddress(text)?.isOrdinary == true) }

    @Test(arguments: [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "169.254.1.1", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::", "::1", "fe80::1", "febf::1",
        "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.1.1",
    ])
    func special(text: String) throws { #expect(NumericAddress(text)?.isOrdinary == false) }

    @Test(arguments: ["", "1.2.3", "host", "fe80::1%eth0", "1.2.3.4 ", "::g"])
    func none(text: String) { #expect(NumericAddress(text) == nil) }

    @Test func ownAddressesHaveLoopback() throws {
        let loopback = try #require(NumericAddress("127.0.0.1"))
        #expect(NumericAddress.own().contains(loopback))
        #expect(NumericAddress("::ffff:10.0.0.1") == NumericAddress("10.0.0.1"))
    }
}
