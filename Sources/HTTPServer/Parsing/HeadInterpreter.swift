/// Reads the fields that frame and route a request: Host, Content-Length, Transfer-Encoding, Connection, Expect.
enum HeadInterpreter {
    private struct Seen {
        var host: ArraySlice<UInt8>?
        var length: Int64?
        var chunked = false
        var close = false
        var expectsContinue = false
    }

    /// Fills the derived parts of `head`, or says why the request must not be read any further.
    static func interpret(_ head: inout RequestHead) throws(HTTPProtocolError) {
        var seen = Seen()
        for index in head.fields.entries.indices {
            try look(at: index, of: head, &seen)
        }
        if seen.chunked {
            // RFC 9112 §6.1: both is how requests are smuggled; in HTTP/1.0 its meaning is not defined.
            if seen.length != nil { throw .badFraming("Content-Length and Transfer-Encoding together.") }
            if !head.isHTTP11 { throw .badFraming("Transfer-Encoding in HTTP/1.0.") }
            head.framing = .chunked
        } else if let length = seen.length, length > 0 {
            head.framing = .length(length)
        }
        head.keepsAlive = head.isHTTP11 && !seen.close
        // RFC 9110 §10.1.1: to be ignored in HTTP/1.0; without a body there is nothing to wait for.
        head.expectsContinue = seen.expectsContinue && head.isHTTP11 && head.framing != .none
        try interpretHost(seen.host, &head)
    }

    private static func look(at index: Int, of head: RequestHead, _ seen: inout Seen) throws(HTTPProtocolError) {
        let fields = head.fields
        switch fields.entries[index].nameCount {
        case 4 where FieldGrammar.equals(fields.nameBytes(at: index), "host"):
            // RFC 9112 §3.2: more than one is 400.
            if seen.host != nil { throw .badHost("More than one Host field.") }
            seen.host = fields.valueBytes(at: index)
        case 6 where FieldGrammar.equals(fields.nameBytes(at: index), "expect"):
            guard FieldGrammar.equals(fields.valueBytes(at: index), "100-continue") else {
                throw HTTPProtocolError(status: 417, code: "http.expectation_failed", detail: "Only 100-continue can be expected.")
            }
            seen.expectsContinue = true
        case 10 where FieldGrammar.equals(fields.nameBytes(at: index), "connection"):
            if try asksToClose(fields.valueBytes(at: index)) { seen.close = true }
        case 14 where FieldGrammar.equals(fields.nameBytes(at: index), "content-length"):
            if seen.length != nil { throw .badFraming("More than one Content-Length field.") }
            seen.length = try length(fields.valueBytes(at: index))
        case 17 where FieldGrammar.equals(fields.nameBytes(at: index), "transfer-encoding"):
            if seen.chunked { throw .badFraming("More than one Transfer-Encoding field.") }
            try checkTransferEncoding(fields.valueBytes(at: index))
            seen.chunked = true
        default: break
        }
    }

    /// RFC 9110 §8.6: digits only; a sign, a list or leading zeros are read differently by different servers.
    private static func length(_ value: ArraySlice<UInt8>) throws(HTTPProtocolError) -> Int64 {
        guard let first = value.first, value.allSatisfy(FieldGrammar.isDigit), first != 0x30 || value.count == 1 else {
            throw .badFraming("Content-Length is not a plain decimal number.")
        }
        var result: Int64 = 0
        for byte in value {
            let (product, overflow) = result.multipliedReportingOverflow(by: 10)
            let (sum, more) = product.addingReportingOverflow(Int64(byte - 48))
            if overflow || more {
                throw HTTPProtocolError(status: 413, code: "http.body_too_large", detail: "Content-Length is out of range.")
            }
            result = sum
        }
        return result
    }

    /// RFC 9112 §6.1 and §7: chunked alone; another single coding is not implemented, anything else is ambiguous.
    private static func checkTransferEncoding(_ value: ArraySlice<UInt8>) throws(HTTPProtocolError) {
        if FieldGrammar.equals(value, "chunked") { return }
        guard !value.isEmpty, value.allSatisfy(FieldGrammar.isToken) else {
            throw .badFraming("Transfer-Encoding must be chunked.")
        }
        throw HTTPProtocolError(status: 501, code: "http.unknown_transfer_encoding", detail: "Transfer-Encoding must be chunked.")
    }

    /// RFC 9110 §7.6.1. Naming a framing field here removes nothing; "close" wins over all else.
    private static func asksToClose(_ value: ArraySlice<UInt8>) throws(HTTPProtocolError) -> Bool {
        if FieldGrammar.equals(value, "keep-alive") { return false }
        var closes = false
        for part in value.split(separator: 0x2c) {
            let token = FieldGrammar.trimmed(part)
            guard token.allSatisfy(FieldGrammar.isToken) else { throw .badHeader("Connection is not a list of tokens.") }
            if FieldGrammar.equals(token, "close") { closes = true }
        }
        return closes
    }

    private static func interpretHost(_ value: ArraySlice<UInt8>?, _ head: inout RequestHead) throws(HTTPProtocolError) {
        guard let value else {
            // RFC 9112 §3.2: 400 for an HTTP/1.1 request without one.
            if head.isHTTP11 { throw .badHost("The Host field is missing.") }
            if let authority = head.authority { head.host = try HostName.parse(Array(authority.utf8)[...]) }
            return
        }
        head.host = try HostName.parse(value)
        if let authority = head.authority,
            !zip(value, authority.utf8).allSatisfy({ FieldGrammar.lowercased($0) == $1 })
                || value.count != authority.utf8.count
        {
            throw .badHost("The target's authority and the Host field differ.")
        }
    }
}
