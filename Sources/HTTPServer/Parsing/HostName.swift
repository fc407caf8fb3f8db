/// The Host field: uri-host [":" port] (RFC 9110 §7.2), without user information or percent-encoding.
enum HostName {
    /// The name in lower case without the port, an IPv6 address in its brackets.
    static func parse(_ value: ArraySlice<UInt8>) throws(HTTPProtocolError) -> String {
        let nameEnd: Int
        if value.first == 0x5b {
            guard let bracket = value.firstIndex(of: 0x5d) else { throw .badHost("The Host field is not valid.") }
            let inside = value[(value.startIndex + 1)..<bracket]
            guard !inside.isEmpty, inside.allSatisfy({ FieldGrammar.hexadecimal($0) != nil || $0 == 0x3a || $0 == 0x2e }) else {
                throw .badHost("The Host field is not valid.")
            }
            nameEnd = bracket + 1
        } else {
            nameEnd = value.firstIndex(of: 0x3a) ?? value.endIndex
            guard nameEnd > value.startIndex, value[..<nameEnd].allSatisfy(FieldGrammar.isHost) else {
                throw .badHost("The Host field is not valid.")
            }
        }
        try checkPort(value[nameEnd...])
        return String(decoding: value[..<nameEnd].lazy.map(FieldGrammar.lowercased), as: UTF8.self)
    }

    private static func checkPort(_ rest: ArraySlice<UInt8>) throws(HTTPProtocolError) {
        guard let colon = rest.first else { return }
        let digits = rest.dropFirst()
        guard colon == 0x3a, (1...5).contains(digits.count), digits.allSatisfy(FieldGrammar.isDigit),
            digits.reduce(0, { $0 * 10 + Int($1 - 48) }) <= 65_535
        else { throw .badHost("The port in the Host field is not valid.") }
    }
}
