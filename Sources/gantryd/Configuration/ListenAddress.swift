internal import Glibc

/// A numeric address and port to listen on. Names are not taken: what they mean can change behind our back.
struct ListenAddress: Equatable, Sendable, CustomStringConvertible {
    /// IPv4 or IPv6 in the form of inet_pton(3), without brackets.
    let address: String
    /// 0 lets the kernel choose.
    let port: UInt16

    init(address: String, port: UInt16) {
        self.address = address
        self.port = port
    }

    /// `127.0.0.1:8460` or `[::1]:8460`; nil for anything else.
    init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), text.utf8.count <= 64 else { return nil }
        let digits = text[text.index(after: colon)...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (48...57).contains($0) }), let port = UInt16(digits) else { return nil }
        var address = String(text[..<colon])
        let isBracketed = address.hasPrefix("[") && address.hasSuffix("]")
        if isBracketed { address = String(address.dropFirst().dropLast()) }
        guard Self.bytes(address, family: isBracketed ? AF_INET6 : AF_INET) != nil else { return nil }
        self.init(address: address, port: port)
    }

    /// 127.0.0.0/8 and ::1.
    var isLoopback: Bool {
        if let bytes = Self.bytes(address, family: AF_INET) { return bytes.first == 127 }
        return Self.bytes(address, family: AF_INET6) == [UInt8](repeating: 0, count: 15) + [1]
    }

    var description: String { address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)" }

    private static func bytes(_ address: String, family: Int32) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: family == AF_INET ? 4 : 16)
        return inet_pton(family, address, &bytes) == 1 ? bytes : nil
    }
}
