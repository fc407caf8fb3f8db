import Testing

@testable import HTTPServer

@Suite struct ResponseEncoderTests {
    private func encode(_ response: HTTPResponse, _ framing: ResponseEncoder.Framing = .length(3), closes: Bool = false) -> String? {
        var bytes = Array("kept".utf8)
        do {
            try ResponseEncoder.encode(response, framing: framing, closes: closes, date: HTTPDate.line(at: 784_111_777), into: &bytes)
            return String(decoding: bytes.dropFirst(4), as: UTF8.self)
        } catch {
            #expect(bytes == Array("kept".utf8), "nothing of a refused head may stay")
            return nil
        }
    }

    @Test func wholeHead() {
        // The date is the example of RFC 9110 §5.6.7.
        #expect(
            encode(HTTPResponse(status: 201, fields: ["Location": "/a"]), closes: true)
                == "HTTP/1.1 201 Created\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nlocation: /a\r\nContent-Length: 3\r\nConnection: close\r\n\r\n"
        )
    }

    @Test func bodilessStatusesHaveNoLength() {
        #expect(encode(HTTPResponse(status: 204), .none)?.contains("Content-Length") == false)
    }

    @Test(arguments: ["a\r\nSet-Cookie: x", "a\nb", "a\rb", "a\u{0}b", "a\u{7f}"])
    func valuesThatSplitAreRefused(value: String) {
        #expect(encode(HTTPResponse(status: 200, fields: ["X": value])) == nil)
    }

    @Test(arguments: ["", "a b", "a:", "a\r\n", "\u{e9}"]) func namesThatSplitAreRefused(name: String) {
        #expect(encode(HTTPResponse(status: 200, fields: [name: "x"])) == nil)
    }

    @Test(arguments: [0, 100, 101, 199, 600, -1, Int.max]) func statusesOutOfRangeAreRefused(status: Int) {
        #expect(encode(HTTPResponse(status: status)) == nil)
    }

    @Test(arguments: ["Content-Length", "Transfer-Encoding", "Connection", "Date", "Server", "Keep-Alive"])
    func framingIsTheServersOwn(name: String) {
        #expect(encode(HTTPResponse(status: 200, fields: [name: "77"]))?.contains("77\r\n") == false)
    }
}
