/// Writes a response's head (RFC 9112 §4). Refuses what could split it: this is the last place that sees every field.
enum ResponseEncoder {
    /// How the client finds the end of the body.
    enum Framing: Equatable {
        /// 204 and 304: no body, and no Content-Length (RFC 9110 §8.6).
        case none
        case length(Int64)
        case chunked
        /// HTTP/1.0 has no chunks: the end of the connection.
        case untilClose
    }

    struct Refusal: Error { let reason: String }

    /// Appends the head to `output`; on failure `output` is left as it was.
    static func encode(
        _ response: HTTPResponse, framing: Framing, closes: Bool, date: [UInt8], into output: inout [UInt8]
    ) throws(Refusal) {
        guard (200...599).contains(response.status) else { throw Refusal(reason: "status \(response.status)") }
        let start = output.count
        append("HTTP/1.1 ", to: &output)
        appendDecimal(Int64(response.status), to: &output)
        output.append(0x20)
        append(ReasonPhrase.of(response.status), to: &output)
        append("\r\n", to: &output)
        output.append(contentsOf: date)
        do throws(Refusal) {
            try appendFields(response.fields, to: &output)
        } catch {
            output.removeSubrange(start...)
            throw error
        }
        switch framing {
        case .none, .untilClose: break
        case .length(let count):
            append("Content-Length: ", to: &output)
            appendDecimal(count, to: &output)
            append("\r\n", to: &output)
        case .chunked: append("Transfer-Encoding: chunked\r\n", to: &output)
        }
        if closes { append("Connection: close\r\n", to: &output) }
        append("\r\n", to: &output)
    }

    private static func appendFields(_ fields: HTTPFields, to output: inout [UInt8]) throws(Refusal) {
        for index in fields.entries.indices {
            let name = fields.nameBytes(at: index)
            let value = fields.valueBytes(at: index)
            guard !name.isEmpty, name.allSatisfy(FieldGrammar.isToken) else { throw Refusal(reason: "a field's name is not a token") }
            guard value.allSatisfy(FieldGrammar.isValue) else {
                throw Refusal(reason: "control character in \(String(decoding: name, as: UTF8.self))")
            }
            if isServersOwn(name) { continue }
            output.append(contentsOf: name)
            append(": ", to: &output)
            output.append(contentsOf: value)
            append("\r\n", to: &output)
        }
    }

    private static func isServersOwn(_ name: ArraySlice<UInt8>) -> Bool {
        switch name.count {
        case 4: FieldGrammar.equals(name, "date")
        case 6: FieldGrammar.equals(name, "server")
        case 7: FieldGrammar.equals(name, "trailer") || FieldGrammar.equals(name, "upgrade")
        case 10: FieldGrammar.equals(name, "connection") || FieldGrammar.equals(name, "keep-alive")
        case 14: FieldGrammar.equals(name, "content-length")
        case 17: FieldGrammar.equals(name, "transfer-encoding")
        default: false
        }
    }

    static func append(_ text: StaticString, to output: inout [UInt8]) {
        text.withUTF8Buffer { output.append(contentsOf: $0) }
    }

    static func appendDecimal(_ number: Int64, to output: inout [UInt8]) {
        let start = output.count
        var rest = number.magnitude
        repeat {
            output.append(48 + UInt8(rest % 10))
            rest /= 10
        } while rest > 0
        output[start...].reverse()
    }

    /// The line before a chunk's data; `isFirst` is false when the former chunk's CRLF is still owed.
    static func chunkPrefix(_ count: Int, isFirst: Bool) -> [UInt8] {
        Array("\(isFirst ? "" : "\r\n")\(String(count, radix: 16))\r\n".utf8)
    }

    static func lastChunk(isFirst: Bool) -> [UInt8] { Array("\(isFirst ? "" : "\r\n")0\r\n\r\n".utf8) }
}
