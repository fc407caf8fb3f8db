/// The framing and robustness cases, as data.
enum FramingTable {
    private static let hostLine = "Host: localhost\r\n"
    private static let end = "\r\n"

    private static func post(_ fields: String, _ body: String = "") -> String { "POST /echo HTTP/1.1\r\n" + hostLine + fields + end + body }
    private static func chunked(_ body: String) -> String { post("Transfer-Encoding: chunked\r\n", body) }
    private static func line(_ line: String) -> String { line + "\r\n" + hostLine + end }
    private static func field(_ field: String) -> String { "GET / HTTP/1.1\r\n" + hostLine + field + "\r\n" + end }
    private static func field(bytes: [UInt8]) -> [UInt8] {
        Array(("GET / HTTP/1.1\r\n" + hostLine + "X: a").utf8) + bytes + Array(("b\r\n" + end).utf8)
    }
    private static func host(_ value: String) -> String { "GET / HTTP/1.1\r\nHost: \(value)\r\n" + end }

    static let all: [FramingCase] = requestLines + targets + hosts + fields + lengths + transferEncodings + chunks + connections

    static let requestLines: [FramingCase] = [
        .init("plain GET", "9112 §3", line("GET / HTTP/1.1"), [200], .keep),
        .init(
            "three pipelined, second malformed", "9112 §9.3.2",
            line("GET /1 HTTP/1.1") + "GET /2\r\n" + hostLine + end + line("GET /3 HTTP/1.1"),
            [200, 400], .close),
        .init(
            "three pipelined", "9112 §9.3.2", line("GET /1 HTTP/1.1") + line("GET /2 HTTP/1.1") + line("GET /3 HTTP/1.1"),
            [200, 200, 200], .keep),
        .init("one leading CRLF", "9112 §2.2", end + line("GET / HTTP/1.1"), [200], .keep),
        .init("three leading CRLF", "9112 §2.2", end + end + end + line("GET / HTTP/1.1"), [400], .close),
        .init("leading CR alone", "9112 §2.2", "\r" + line("GET / HTTP/1.1"), [400], .close),
        .init("bare LF after the request line", "9112 §2.2", "GET / HTTP/1.1\n" + hostLine + end, [400], .close),
        .init("two spaces", "9112 §3", line("GET  / HTTP/1.1"), [400], .close),
        .init("two spaces before the version", "9112 §3", line("GET /  HTTP/1.1"), [400], .close),
        .init("tab as separator", "9112 §3", line("GET\t/ HTTP/1.1"), [400], .close),
        .init("VT as separator", "9112 §3", line("GET /\u{0b}HTTP/1.1"), [400], .close),
        .init("FF as separator", "9112 §3", line("GET\u{0c}/ HTTP/1.1"), [400], .close),
        .init("trailing space", "9112 §3", line("GET / HTTP/1.1 "), [400], .close),
        .init("HTTP/0.9", "9112 §3", line("GET /"), [400], .close),
        .init("HTTP/2.0", "9112 §2.3", line("GET / HTTP/2.0"), [505], .close),
        .init("the HTTP/2 preface", "9113 §3.4", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [505], .close),
        .init("HTTP/1.32", "9112 §2.3", line("GET / HTTP/1.32"), [400], .close),
        .init("HTTP/1", "9112 §2.3", line("GET / HTTP/1"), [400], .close),
        .init("http/1.1", "9112 §2.3", line("GET / http/1.1"), [400], .close),
        .init("many version digits", "9112 §2.3", line("GET / HTTP/11111111111111111111.1"), [400], .close),
        .init("HTTP/1.0 without Host", "9112 §3.2", "GET / HTTP/1.0\r\n\r\n", [200], .close),
        .init("HTTP/1.0 with keep-alive", "9112 §9.3", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", [200], .close),
        .init("method with parenthesis", "9110 §5.6.2", line("G(T / HTTP/1.1"), [400], .close),
        .init("method with NUL", "9110 §9.1", line("G\u{0}T / HTTP/1.1"), [400], .close),
        .init("lower-case method", "9110 §9.1", line("get / HTTP/1.1"), [400], .close),
        .init("method of 9 KiB", "9112 §3", line(String(repeating: "A", count: 9216) + " / HTTP/1.1"), [501], .close),
        .init("unknown method", "9110 §9.1", line("BREW / HTTP/1.1"), [405], .keep, byHandler: true),
        .init("TLS on the plain port", "9112 §3", [0x16, 0x03, 0x01, 0x02, 0x00, 0x01], [400], .close),
        .init("CONNECT", "9110 §9.3.6", "CONNECT a:1 HTTP/1.1\r\n" + hostLine + end, [501], .close),
    ]

    static let targets: [FramingCase] =
        [
            "/a b", "/\u{0}", "/\u{7f}", "/\u{e9}", "/a%00b", "/%2e%2e%2fetc", "/..", "/a/../b", "/./a", "/%2e%2e/a", "/%5c..", "//",
            "/a//b",
            "/%c0%af", "/%2f", "/a%0d%0ab", "/%", "/%4", "/%zz", "/#x", "/a?b#c", "/a?%00", "/a\\b", "/<", "x", "ftp://localhost/", "*", "",
        ].map { .init("target \($0.debugDescription)", "9112 §3.2", line("GET \($0) HTTP/1.1"), [400], .close) } + [
            .init("OPTIONS *", "9112 §3.2.4", line("OPTIONS * HTTP/1.1"), [204], .keep, byHandler: true),
            .init("absolute form", "9112 §3.2.2", line("GET http://localhost/a?b HTTP/1.1"), [200], .keep),
            .init("absolute form without path", "9112 §3.2.2", line("GET http://LOCALHOST HTTP/1.1"), [200], .keep),
            .init("absolute form for another host", "9112 §3.2.2", line("GET http://evil/a HTTP/1.1"), [400], .close),
            .init("encoded CRLF in the query", "9110 §5.5", line("GET /reflect?a%0d%0aSet-Cookie:x HTTP/1.1"), [200], .keep),
            .init("percent-encoded UTF-8", "3986 §2.1", line("GET /%c3%a9%20?x=%c3 HTTP/1.1"), [200], .keep),
        ]

    static let hosts: [FramingCase] =
        ["", "a@b", "a b", "localhost:99999", "localhost:", "localhost:x", "a/b", "[::1", "[]", "[g]", "a,b", "\u{e9}", "localhost:123456"]
        .map { .init("Host \($0.debugDescription)", "9110 §7.2", host($0), [400], .close) } + [
            .init("no Host", "9112 §3.2", "GET / HTTP/1.1\r\n\r\n", [400], .close),
            .init("two Hosts", "9112 §3.2", "GET / HTTP/1.1\r\n" + hostLine + hostLine + end, [400], .close),
            .init("Host in capitals", "9110 §7.2", host("LOCALHOST:65535"), [200], .keep),
            .init("Host as IPv6", "9110 §7.2", host("[::1]:80"), [200], .keep),
        ]

    static let fields: [FramingCase] =
        [[0x00], [0x0d], [0x0a], [0x01], [0x7f], [0x0d, 0x0d]].map { (bad: [UInt8]) in
            .init("value with \(bad)", "9110 §5.5", field(bytes: bad), [400], .close)
        } + [
            .init("obs-text", "9110 §5.5", field(bytes: [0x80, 0xff]), [200], .keep),
            .init("CR inside a field name", "9112 §2.2", field("A\rB: c"), [400], .close),
            .init("first header starts with a space", "9112 §2.2", "GET / HTTP/1.1\r\n " + hostLine + end, [400], .close),
            .init("folded line", "9112 §5.2", field("A: b\r\n c"), [400], .close),
            .init("space before the colon", "9112 §5.1", field("A : b"), [400], .close),
            .init("no colon", "9112 §5", field("Abc"), [400], .close),
            .init("empty name", "9112 §5", field(": b"), [400], .close),
            .init("empty value", "9112 §5", field("A:"), [200], .keep),
            .init("white space around a value", "9110 §5.6.3", field("A: \t b \t "), [200], .keep),
            .init("LF alone ends the head", "9112 §2.2", "GET / HTTP/1.1\r\n" + hostLine + "\n", [400], .close),
            .init("Expect: x", "9110 §10.1.1", field("Expect: x"), [417], .close),
        ]

    static let lengths: [FramingCase] =
        ["010", "00", "+5", "-1", "5,5", "5, 5", "0x5", "5 5", "", "5_0", "\u{665}"]
        .map { .init("Content-Length \($0.debugDescription)", "9112 §6.3", post("Content-Length: \($0)\r\n", "hello"), [400], .close) }
        + ["9223372036854775808", "18446744073709551616", String(repeating: "9", count: 40)]
        .map { .init("Content-Length \($0)", "9110 §8.6", post("Content-Length: \($0)\r\n"), [413], .close) } + [
            .init("Content-Length 5", "9112 §6.2", post("Content-Length: 5\r\n", "hello"), [200], .keep),
            .init("Content-Length 0", "9112 §6.2", post("Content-Length: 0\r\n"), [200], .keep),
            .init("Content-Length twice", "9112 §6.3", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), [400], .close),
            .init("more bytes than Content-Length", "9112 §6.3", post("Content-Length: 5\r\n", "helloGET"), [200], .waits),
            .init(
                "the rest is the next request", "9112 §9.3.2", post("Content-Length: 5\r\n", "hello") + line("GET /2 HTTP/1.1"),
                [200, 200],
                .keep),
        ]

    static let transferEncodings: [FramingCase] =
        [",chunked", "chunked,", "chunked;q=1", "\"chunked\"", "chunked, chunked", "gzip, chunked", "chunked, identity", "", "chu nked"]
        .map { .init("Transfer-Encoding \($0)", "9112 §6.1", post("Transfer-Encoding: \($0)\r\n", "0\r\n\r\n"), [400], .close) }
        + ["identity", "xchunked", "chunkedchunked", "gzip", "blegh"]
        .map { .init("Transfer-Encoding \($0)", "9112 §6.1", post("Transfer-Encoding: \($0)\r\n", "0\r\n\r\n"), [501], .close) } + [
            .init(
                "Content-Length then Transfer-Encoding", "9112 §6.1",
                post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), [400], .close),
            .init(
                "Transfer-Encoding then Content-Length", "9112 §6.1",
                post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), [400], .close),
            .init(
                "chunked in two fields", "9112 §6.1",
                post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), [400], .close),
            .init("Chunked", "9112 §7", post("Transfer-Encoding: Chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"), [200], .keep),
            .init(
                "chunked in HTTP/1.0", "9112 §6.1", "POST /echo HTTP/1.0\r\n" + hostLine + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                [400],
                .close),
        ]

    static let chunks: [FramingCase] =
        [
            "0x5\r\nhello\r\n0\r\n\r\n", "+5\r\nhello\r\n0\r\n\r\n", "-1\r\n", "5 \r\nhello\r\n0\r\n\r\n", " 5\r\nhello\r\n0\r\n\r\n",
            "5_0\r\n", "g\r\n", "\r\n", "00000000000000005\r\n", "FFFFFFFFFFFFFFFF\r\n", "8000000000000000\r\n", "5\r\nhelloX",
            "5\r\nhello\n",
            "5\r\nhello\r\n\r\n0\r\n\r\n", "5\nhello\r\n", "5;\r\nhello\r\n", "5;a=\r\nhello\r\n", "5;a=\"b\r\nhello\r\n",
            "5;a=\"\u{0}\"\r\n",
            "5;a=\"\r\"\r\n", "5;=b\r\n", "5;a=b c\r\n", "5; a=b\r\nhello\r\n", "0\r\nA b: c\r\n\r\n", "0\r\n a: b\r\n\r\n",
            "0\r\nA\r\n\r\n",
            "0\r\nA: \u{0}\r\n\r\n", "0\r\nA: b\n\r\n", "0\r\n\n", "0\n\r\n",
        ].map { .init("chunks \($0.debugDescription)", "9112 §7.1", chunked($0), [400], .close) } + [
            .init("extensions", "9112 §7.1.1", chunked("5;a=b;c;d=\"e\\\"f;g\"\r\nhello\r\n0;z\r\n\r\n"), [200], .keep),
            .init("last chunk of three zeros", "9112 §7.1", chunked("000\r\n\r\n"), [200], .keep),
            .init("final CRLF missing", "9112 §7.1", chunked("0\r\n"), [], .waits),
            .init(
                "trailers that must not count", "9110 §6.5.1",
                chunked("5\r\nhello\r\n0\r\nContent-Length: 99\r\nTransfer-Encoding: x\r\nHost: evil\r\nAuthorization: Bearer x\r\n\r\n")
                    + line("GET /2 HTTP/1.1"), [200, 200], .keep),
        ]

    static let connections: [FramingCase] = [
        .init("close", "9112 §9.6", field("Connection: close"), [200], .close),
        .init("close wins over keep-alive", "9112 §9.3", field("Connection: close, keep-alive"), [200], .close),
        .init("close in a second field", "9110 §7.6.1", field("Connection: keep-alive\r\nConnection: x , CLOSE"), [200], .close),
        .init(
            "framing fields cannot be removed", "9110 §7.6.1", post("Connection: Content-Length\r\nContent-Length: 5\r\n", "hello"), [200],
            .keep),
        .init("upgrade is not offered", "9110 §7.8", field("Connection: Upgrade\r\nUpgrade: websocket"), [200], .keep),
        .init("not a token list", "9110 §7.6.1", field("Connection: a b"), [400], .close),
    ]
}
