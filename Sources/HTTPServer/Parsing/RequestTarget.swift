/// The request target (RFC 9112 §3.2) in origin form, absolute form or "*".
///
/// The path stays percent-encoded, but what would change its meaning after decoding (dot segments, encoded
/// slashes and backslashes, control characters, bad UTF-8, empty segments) is refused here, once for all routes.
enum RequestTarget {
    static func parse(_ bytes: UnsafeRawBufferPointer, into head: inout RequestHead) throws(HTTPProtocolError) {
        guard let first = bytes.first else { throw .badTarget("The request target is empty.") }
        if first == 0x2f {
            try parseOrigin(bytes, into: &head)
        } else if first == 0x2a {
            // RFC 9112 §3.2.4: only OPTIONS.
            guard bytes.count == 1, head.method == .options else { throw .badTarget("The target \"*\" is for OPTIONS only.") }
            head.path = "*"
        } else {
            try parseAbsolute(bytes, into: &head)
        }
    }

    /// RFC 9112 §3.2.2: a server must accept it; the authority must then be what Host says.
    private static func parseAbsolute(_ bytes: UnsafeRawBufferPointer, into head: inout RequestHead) throws(HTTPProtocolError) {
        let schemeCount: Int
        if FieldGrammar.equals(bytes.prefix(7), "http://") {
            schemeCount = 7
        } else if FieldGrammar.equals(bytes.prefix(8), "https://") {
            schemeCount = 8
        } else {
            throw .badTarget("The request target is neither a path nor an http URL.")
        }
        let rest = UnsafeRawBufferPointer(rebasing: bytes[schemeCount...])
        let end = rest.firstIndex { $0 == 0x2f || $0 == 0x3f } ?? rest.count
        head.authority = String(decoding: rest[..<end].map(FieldGrammar.lowercased), as: UTF8.self)
        let path = UnsafeRawBufferPointer(rebasing: rest[end...])
        if path.first == 0x2f {
            try parseOrigin(path, into: &head)
        } else {
            // An empty path means "/" (RFC 9110 §4.2.3).
            head.path = "/"
            head.query = path.isEmpty ? nil : try query(UnsafeRawBufferPointer(rebasing: path[1...]))
        }
    }

    private static func parseOrigin(_ bytes: UnsafeRawBufferPointer, into head: inout RequestHead) throws(HTTPProtocolError) {
        var index = 0
        var suspicious = false
        var previous: UInt8 = 0
        while index < bytes.count, bytes[index] != 0x3f {
            let byte = bytes[index]
            guard FieldGrammar.isPath(byte) else { throw .badTarget("The path holds a character that must be percent-encoded.") }
            if previous == 0x2f {
                if byte == 0x2f { throw .badTarget("The path has an empty segment.") }
                if byte == 0x2e { suspicious = true }
            }
            if byte == 0x25 { suspicious = true }
            previous = byte
            index += 1
        }
        let path = UnsafeRawBufferPointer(rebasing: bytes[..<index])
        if suspicious { try checkSegments(path) }
        head.path = String(decoding: path, as: UTF8.self)
        if index < bytes.count { head.query = try query(UnsafeRawBufferPointer(rebasing: bytes[(index + 1)...])) }
    }

    private static func query(_ bytes: UnsafeRawBufferPointer) throws(HTTPProtocolError) -> String {
        for byte in bytes where !FieldGrammar.isQuery(byte) {
            throw .badTarget("The query holds a character that must be percent-encoded.")
        }
        if bytes.contains(0x25), try decoded(bytes).contains(0) { throw .badTarget("The query holds an encoded NUL.") }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Decodes every segment and refuses what a decoder further in could take for another path.
    private static func checkSegments(_ path: UnsafeRawBufferPointer) throws(HTTPProtocolError) {
        let bytes = try decoded(path)
        guard bytes.filter({ $0 == 0x2f }).count == path.filter({ $0 == 0x2f }).count else {
            throw .badTarget("The path holds an encoded slash.")
        }
        guard String(validating: bytes, as: UTF8.self) != nil else { throw .badTarget("The decoded path is not UTF-8.") }
        for byte in bytes where byte < 0x20 || byte == 0x7f || byte == 0x5c {
            throw .badTarget("The path holds an encoded control character or backslash.")
        }
        for segment in bytes.split(separator: 0x2f, omittingEmptySubsequences: true)
        where segment.elementsEqual(".".utf8) || segment.elementsEqual("..".utf8) {
            throw .badTarget("The path holds a dot segment.")
        }
    }

    /// Percent-decoding (RFC 3986 §2.1), once.
    private static func decoded(_ bytes: UnsafeRawBufferPointer) throws(HTTPProtocolError) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            if bytes[index] == 0x25 {
                guard index + 2 < bytes.count, let high = FieldGrammar.hexadecimal(bytes[index + 1]),
                    let low = FieldGrammar.hexadecimal(bytes[index + 2])
                else { throw .badTarget("A percent sign is not followed by two hexadecimal digits.") }
                result.append(high << 4 | low)
                index += 3
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return result
    }
}
