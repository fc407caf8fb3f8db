import Testing

@testable import HTTPServer

@Suite struct FramingTableTests {
    @Test(arguments: FramingTable.all) func parserSaysWhatTheTableSays(row: FramingCase) {
        let replay = Replay(row.bytes)
        let failing = row.byHandler ? nil : row.statuses.last { $0 >= 400 }
        #expect(replay.failure?.status == failing, "\(String(describing: replay.failure))")
        if row.fate == .keep { #expect(replay.requests.count == row.statuses.count) }
    }

    @Test(arguments: FramingTable.all) func everyCutGivesTheSame(row: FramingCase) {
        let whole = Replay(row.bytes)
        for cut in 1..<max(2, min(row.bytes.count, 2000)) where cut < row.bytes.count {
            let split = Replay(row.bytes, cuts: [cut])
            if split != whole {
                Issue.record("cut at \(cut): \(split) instead of \(whole)")
                return
            }
        }
        #expect(Replay(row.bytes, cuts: Array(1..<row.bytes.count)) == whole, "byte by byte")
    }

    @Test func bodiesComeWhole() {
        let bytes = Array(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n1\r\n!\r\n0\r\nA: b\r\n\r\n".utf8)
        #expect(Replay(bytes).bodies == [Array("hello!".utf8)])
        #expect(Replay(bytes).requests == ["POST /? chunked true a host=a|transfer-encoding=chunked"])
    }

    @Test func obsoleteTextIsNeverTrimmed() {
        let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\nX: ".utf8) + [0x85, 0xa0] + Array("\r\n\r\n".utf8)
        var parser = RequestParser()
        var offset = 0
        let step = bytes.withUnsafeBytes { parser.parse($0, from: &offset, limits: HTTPLimits()) }
        guard case .head(let head) = step else {
            Issue.record("\(step)")
            return
        }
        #expect(Array(head.fields.valueBytes(at: 1)) == [0x85, 0xa0])
    }
}
