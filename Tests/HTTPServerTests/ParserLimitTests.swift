import Testing

@testable import HTTPServer

/// Each limit of the parsers at its value and one past it.
@Suite struct ParserLimitTests {
    private func head(_ text: String, _ change: (inout HTTPLimits) -> Void = { _ in }) -> Int? {
        var limits = HTTPLimits()
        change(&limits)
        let bytes = Array(text.utf8)
        let whole = Replay(bytes, limits: limits)
        #expect(Replay(bytes, cuts: Array(1..<bytes.count), limits: limits) == whole)
        return whole.failure?.status ?? (whole.requests.isEmpty ? nil : 200)
    }

    private func request(target: Int) -> String {
        // "GET " and " HTTP/1.1" are 13 bytes of the line.
        "GET /" + String(repeating: "a", count: target - 14) + " HTTP/1.1\r\nHost: a\r\n\r\n"
    }

    @Test func requestLine() {
        #expect(head(request(target: 8192)) == 200)
        #expect(head(request(target: 8193)) == 414)
    }

    @Test func oneField() {
        func text(_ count: Int) -> String { "GET / HTTP/1.1\r\nHost: a\r\nX: " + String(repeating: "b", count: count - 3) + "\r\n\r\n" }
        #expect(head(text(8192)) == 200)
        #expect(head(text(8193)) == 431)
    }

    @Test func allFields() {
        func text(_ count: Int) -> String {
            // "Host: a" with CRLF is 9 bytes; four lines of 8,000 and one of the rest, "X: " and CRLF are 5.
            var text = "GET / HTTP/1.1\r\nHost: a\r\n"
            for size in [8000, 8000, 8000, 8000, count - 32_009] { text += "X: " + String(repeating: "b", count: size - 5) + "\r\n" }
            return text + "\r\n"
        }
        #expect(head(text(32 * 1024)) == 200)
        #expect(head(text(32 * 1024 + 1)) == 431)
    }

    @Test func numberOfFields() {
        func text(_ count: Int) -> String {
            "GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "X:\r\n", count: count - 1) + "\r\n"
        }
        #expect(head(text(100)) == 200)
        #expect(head(text(101)) == 431)
    }

    @Test func hundredsOfThousandsOfTinyFieldsStopAtTheLimit() {
        let text = "GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "a:\r\n", count: 300_000)
        let replay = Replay(Array(text.utf8))
        #expect(replay.failure?.status == 431)
    }

    @Test func methodLength() {
        #expect(head(String(repeating: "A", count: 32) + " / HTTP/1.1\r\nHost: a\r\n\r\n") == 200)
        #expect(head(String(repeating: "A", count: 33) + " / HTTP/1.1\r\nHost: a\r\n\r\n") == 501)
    }

    private func chunks(_ body: String) -> Int? {
        head("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
    }

    @Test func chunkLine() {
        func text(_ count: Int) -> String { "5;" + String(repeating: "a", count: count - 2) + "\r\nhello\r\n0\r\n\r\n" }
        #expect(chunks(text(256)) == 200)
        #expect(chunks(text(257)) == 400)
    }

    @Test func chunkExtensionsOfOneRequest() {
        // After the ";" each line counts its extension and its CR: 16 lines of 256 are 4,096.
        func text(_ last: Int) -> String {
            let line = { (count: Int) in "1;" + String(repeating: "a", count: count - 1) + "\r\nx\r\n" }
            return String(repeating: line(255), count: 16) + line(last) + "0\r\n\r\n"
        }
        #expect(chunks(text(16)) == 200)
        #expect(chunks(text(17)) == 400)
    }

    @Test func trailers() {
        func text(_ count: Int) -> String { "0\r\nA:" + String(repeating: "b", count: count - 4) + "\r\n\r\n" }
        #expect(chunks(text(4096)) == 200)
        #expect(chunks(text(4097)) == 400)
    }

    @Test func chunkSizeDigits() {
        #expect(chunks("0000000000000005\r\nhello\r\n0\r\n\r\n") == 200)
        #expect(chunks("00000000000000005\r\nhello\r\n0\r\n\r\n") == 400)
    }

    @Test func largestContentLength() {
        let text = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: "
        #expect(head(text + "9223372036854775807\r\n\r\n") == 200)
        #expect(head(text + "9223372036854775808\r\n\r\n") == 413)
    }

    @Test func everyKeyReadsAndWritesItsOwnLimit() {
        for key in HTTPLimits.keys {
            var limits = HTTPLimits()
            let low = limits.set(key.name, to: key.range.lowerBound)
            #expect(low)
            #expect(limits.value(key.name) == key.range.lowerBound)
            let outside = limits.set(key.name, to: key.range.upperBound + 1) || limits.set(key.name, to: key.range.lowerBound - 1)
            #expect(!outside)
            let changed = HTTPLimits.keys.filter { limits.value($0.name) != HTTPLimits().value($0.name) }
            #expect(changed.count <= 1)
            #expect(key.range.contains(HTTPLimits().value(key.name) ?? -1))
        }
        #expect(Set(HTTPLimits.keys.map(\.name)).count == Mirror(reflecting: HTTPLimits()).children.count)
        var limits = HTTPLimits()
        let unknown = limits.set("nonsense", to: 1)
        #expect(!unknown)
        #expect(limits.value("nonsense") == nil)
    }
}
