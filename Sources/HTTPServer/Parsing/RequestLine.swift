/// The request line (RFC 9112 §3): exactly one space between its three parts.
enum RequestLine {
    /// Reads `line`, which comes without CRLF.
    static func parse(_ line: UnsafeRawBufferPointer) throws(HTTPProtocolError) -> RequestHead {
        guard let methodEnd = line.firstIndex(of: 0x20) else { throw .badRequestLine("The request line has no target.") }
        var head = RequestHead()
        head.method = try method(UnsafeRawBufferPointer(rebasing: line[..<methodEnd]))
        let rest = UnsafeRawBufferPointer(rebasing: line[(methodEnd + 1)...])
        guard let targetEnd = rest.firstIndex(of: 0x20) else { throw .badRequestLine("The request line has no version.") }
        head.isHTTP11 = try isHTTP11(UnsafeRawBufferPointer(rebasing: rest[(targetEnd + 1)...]))
        if head.method.rawValue == "CONNECT" {
            throw HTTPProtocolError(status: 501, code: "http.unknown_method", detail: "This server makes no tunnels.")
        }
        try RequestTarget.parse(UnsafeRawBufferPointer(rebasing: rest[..<targetEnd]), into: &head)
        return head
    }

    private static func method(_ bytes: UnsafeRawBufferPointer) throws(HTTPProtocolError) -> HTTPMethod {
        for byte in bytes {
            // Methods are case-sensitive (RFC 9110 §9.1) and none has a lower-case letter.
            if !FieldGrammar.isToken(byte) || (97...122).contains(byte) { throw .badRequestLine("The method is not valid.") }
        }
        return HTTPMethod(rawValue: String(decoding: bytes, as: UTF8.self))
    }

    /// RFC 9112 §2.3: eight bytes, case-sensitive.
    private static func isHTTP11(_ bytes: UnsafeRawBufferPointer) throws(HTTPProtocolError) -> Bool {
        guard bytes.count == 8, bytes.prefix(5).elementsEqual("HTTP/".utf8), bytes[6] == 0x2e,
            FieldGrammar.isDigit(bytes[5]), FieldGrammar.isDigit(bytes[7])
        else { throw .badRequestLine("The protocol version is not valid.") }
        switch (bytes[5], bytes[7]) {
        case (0x31, 0x31): return true
        case (0x31, 0x30): return false
        default:
            throw HTTPProtocolError(status: 505, code: "http.unsupported_version", detail: "Only HTTP/1.1 and HTTP/1.0 are spoken here.")
        }
    }
}
