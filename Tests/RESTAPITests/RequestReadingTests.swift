import HTTPServer
import JSON
import Testing

@testable import RESTAPI

/// The pure parts: paths, queries, ranges, preconditions.
@Suite struct RequestReadingTests {
    @Test(
        arguments: [
            ("plain", "plain"), ("a%20b", "a b"), ("%C3%A4", "ä"), ("%c3%a4", "ä"), ("%2F", "/"), ("a+b", "a+b"), ("%", nil), ("%4", nil),
            ("%zz", nil), ("%00", nil), ("%1f", nil), ("%7f", nil), ("%c0%af", nil), ("%e0%80%af", nil), ("%ff", nil), ("%c2%80", nil),
            ("%ed%a0%80", nil), ("%f4%90%80%80", nil),
        ] as [(String, String?)])
    func percentDecoding(_ text: String, _ expected: String?) {
        #expect(PercentDecoding.decode(text) == expected)
    }

    @Test func percentEncodingComesBack() {
        for text in ["web1", "Weird Näme", "a/b?c#d%e", "~.-_", "\u{10ffff}"] {
            #expect(PercentDecoding.decode(PercentDecoding.encode(text)) == text)
        }
    }

    @Test func queries() {
        let allowed: [QueryParameter] = [.value("limit"), .filter("name"), .labels]
        func pairs(_ text: String) -> [String] { Query(text, allowed: allowed).pairs.map { "\($0.name)=\($0.value)" } }
        func faults(_ text: String) -> [String] { Query(text, allowed: allowed).problems.map(\.parameter) }
        #expect(pairs("limit=1&name=a%2Cb&name!=c&label.x=1&label.x!=2&") == ["limit=1", "name=a,b", "name!=c", "label.x=1", "label.x!=2"])
        #expect(pairs("limit") == ["limit="])
        #expect(pairs("name=a=b") == ["name=a=b"])
        #expect(
            faults("limit!=1&label.=1&label.!=1&Limit=2&%zz=1&name=%00&limit=1&limit=2") == [
                "limit!", "label.", "label.!", "Limit", "%zz", "name", "limit",
            ])
        #expect(faults("") == [] && faults("&&") == [])
    }

    @Test func aQueryFullOfNonsenseIsNotRepeatedInFull() {
        let nonsense = (0..<4000).map { "\($0)" }.joined(separator: "&")
        #expect(Query(nonsense, allowed: []).problems.count == 100)
    }

    @Test func numbersAndTimesOfAQuery() throws {
        let allowed: [QueryParameter] = [.value("n"), .value("t"), .value("f"), .value("w")]
        for bad in [
            "n=", "n=+1", "n=-1", "n=1.0", "n=0x1", "n=99999999999999999999", "n=11", "t=1", "t=-1s", "t=2h", "f=1", "f=TRUE", "w=a,,b",
            "w=,",
        ] {
            let reader = QueryReader(Query(bad, allowed: allowed))
            _ = reader.integer("n", in: 0...10)
            _ = reader.duration("t", in: .zero ... .seconds(3600))
            _ = reader.flag("f")
            _ = reader.words("w")
            #expect(throws: Refusal.self, "\(bad)") { try reader.finish() }
        }
        let good = QueryReader(Query("n=10&t=1h&f=true&w=a,b", allowed: allowed))
        #expect(good.integer("n", in: 0...10) == 10 && good.duration("t", in: .zero ... .seconds(3600)) == .seconds(3600))
        #expect(good.flag("f") && good.words("w") == ["a", "b"])
        try good.finish()
    }

    @Test(
        arguments: [
            (nil, .whole), ("bytes=0-0", .part(offset: 0, length: 1)), ("bytes=0-99", .part(offset: 0, length: 100)),
            ("BYTES=10-", .part(offset: 10, length: 90)), ("bytes=-1", .part(offset: 99, length: 1)),
            ("bytes=-1000", .part(offset: 0, length: 100)),
            ("bytes=99-99999999999999999999999", .part(offset: 99, length: 1)), ("bytes=100-", .unsatisfiable),
            ("bytes=-0", .unsatisfiable),
            ("bytes=99999999999999999999-", .unsatisfiable), ("bytes=5-4", .whole), ("bytes=-", .whole), ("bytes=", .whole),
            ("bytes=+1-2", .whole),
            ("bytes=1-2,4-5", .whole), ("items=1-2", .whole), ("bytes=1--2", .whole), ("bytes 1-2", .whole),
        ] as [(String?, ByteRange)])
    func ranges(_ header: String?, _ expected: ByteRange) {
        #expect(ByteRange(header, size: 100) == expected)
    }

    @Test func rangesOfNothing() {
        #expect(ByteRange("bytes=0-", size: 0) == .unsatisfiable && ByteRange("bytes=-5", size: 0) == .unsatisfiable)
    }

    @Test func preconditions() throws {
        func request(_ name: String, _ value: String) -> HTTPRequest {
            HTTPRequest(method: .get, path: "/", headers: HTTPFields(dictionaryLiteral: (name, value)), peer: .tcp(address: "::1", port: 1))
        }
        let tag = "\"abc\""
        for (value, holds) in [("\"abc\"", true), ("\"x\" , \"abc\"", true), ("*", true), ("abc", false), ("\"abcd\"", false), ("", false)]
        {
            #expect(Preconditions.isNotModified(request("if-none-match", value), tag) == holds, "\(value)")
            let passes = (try? Preconditions.requireMatch(request("if-match", value), tag)) != nil
            #expect(passes == holds, "\(value)")
        }
        #expect(Preconditions.isNotModified(request("if-none-match", "W/\"abc\""), tag))
        #expect(throws: Refusal.self) { try Preconditions.requireMatch(request("if-match", "W/\"abc\""), tag) }
        #expect(throws: Refusal.self) { try Preconditions.requireMatch(request("if-match", "*"), nil) }
        try Preconditions.requireMatch(request("if-none-match", "*"), nil)
    }

    @Test func routing() {
        let answer: @Sendable (Exchange, QueryReader) async throws -> HTTPResponse = { _, _ in HTTPResponse(status: 200) }
        let router = Router([.get("/a", [], access: .open, answer), .get("/a/{x}", [], answer), .get("/a/{x}/b", [], answer)])
        func found(_ method: HTTPMethod, _ path: String) -> String {
            switch router.match(method, path) {
            case .route(let route, let names): "\(route.path) \(names["x"] ?? "-")"
            case .otherMethod(let allowed, _): allowed.map(\.rawValue).joined(separator: " ")
            case .badPath: "bad"
            case .none: "none"
            }
        }
        #expect(found(.get, "/a") == "/a -" && found(.head, "/a/b") == "/a/{x} b" && found(.get, "/a/%20/b") == "/a/{x}/b  ")
        #expect(found(.post, "/a") == "GET HEAD OPTIONS" && found(.options, "/a/1") == "GET HEAD OPTIONS")
        #expect(found(.get, "/a/%2f") == "bad" && found(.get, "/a/%80") == "bad" && found(.get, "/a/") == "bad")
        #expect(
            found(.get, "a") == "none" && found(.get, "*") == "none" && found(.get, "/") == "none" && found(.get, "/a/b/c/d/e") == "none")
    }
}
