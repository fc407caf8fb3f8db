import JSON
import Testing

/// An answer as it came.
struct Reply: Sendable {
    let status: Int
    /// Names in lower case.
    let headers: [(name: String, value: String)]
    let body: [UInt8]

    subscript(name: String) -> String? { headers.first { $0.name == name }?.value }

    var text: String { String(decoding: body, as: UTF8.self) }

    func json(_ location: SourceLocation = #_sourceLocation) throws -> JSONValue {
        try #require(try? JSONReader.parse(body, limits: .own), "no JSON: \(text.prefix(300))", sourceLocation: location)
    }

    /// From the bytes of one answer on a connection that is closed after it.
    init(_ bytes: [UInt8]) throws {
        let end = try #require(Self.headEnd(bytes), "no head: \(String(decoding: bytes.prefix(200), as: UTF8.self))")
        let lines = String(decoding: bytes[..<end], as: UTF8.self).split(separator: "\r\n")
        let first = try #require(lines.first)
        status = try #require(Int(first.split(separator: " ")[1]))
        headers = lines.dropFirst().map { line in
            let halves = line.split(separator: ":", maxSplits: 1)
            return (halves[0].lowercased(), String(halves.count > 1 ? halves[1].drop { $0 == " " } : ""))
        }
        let rest = Array(bytes[(end + 4)...])
        let isChunked = headers.contains { $0.name == "transfer-encoding" && $0.value == "chunked" }
        body = isChunked ? try Self.unchunked(rest) : rest
    }

    private static func headEnd(_ bytes: [UInt8]) -> Int? {
        let mark = Array("\r\n\r\n".utf8)
        return bytes.indices.first { bytes[$0...].starts(with: mark) }
    }

    private static func unchunked(_ bytes: [UInt8]) throws -> [UInt8] {
        var rest = bytes[...]
        var whole: [UInt8] = []
        while let lineEnd = rest.firstIndex(of: 13) {
            let count = try #require(Int(String(decoding: rest[..<lineEnd], as: UTF8.self), radix: 16))
            if count == 0 { break }
            let data = rest[(lineEnd + 2)...]
            try #require(data.count >= count + 2, "the answer was cut")
            whole += data.prefix(count)
            rest = data.dropFirst(count + 2)
        }
        return whole
    }
}
