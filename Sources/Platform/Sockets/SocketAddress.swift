internal import Glibc

/// An IPv4 or IPv6 address of a socket (ip(7), ipv6(7)).
package struct SocketAddress: Sendable, Equatable {
    /// Numeric; an IPv4 address mapped into IPv6 comes as IPv4.
    package let address: String
    package let port: Int

    /// As it stands in a Host field.
    package var hostLiteral: String { address.contains(":") ? "[\(address)]" : address }

    init?(_ storage: sockaddr_storage) {
        var storage = storage
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = Int32(storage.ss_family)
        let known: Bool
        var rawPort: UInt16 = 0
        switch family {
        case AF_INET:
            known = withUnsafeBytes(of: &storage) { raw in
                var four = raw.loadUnaligned(as: sockaddr_in.self)
                rawPort = four.sin_port
                return inet_ntop(AF_INET, &four.sin_addr, &text, socklen_t(text.count)) != nil
            }
        case AF_INET6:
            known = withUnsafeBytes(of: &storage) { raw in
                var six = raw.loadUnaligned(as: sockaddr_in6.self)
                rawPort = six.sin6_port
                return inet_ntop(AF_INET6, &six.sin6_addr, &text, socklen_t(text.count)) != nil
            }
        default: known = false
        }
        guard known else { return nil }
        let whole = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        address = whole.hasPrefix("::ffff:") && whole.contains(".") ? String(whole.dropFirst(7)) : whole
        port = Int(UInt16(bigEndian: rawPort))
    }

    /// The local address of a socket (getsockname(2)); nil for unix sockets.
    package static func local(of descriptor: Int32) -> SocketAddress? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let code = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        return code == 0 ? SocketAddress(storage) : nil
    }

    /// Fills a socket address from numeric text (inet_pton(3)); nil if it is none.
    static func storage(address: String, port: Int) -> (sockaddr_storage, socklen_t)? {
        guard let port = UInt16(exactly: port) else { return nil }
        var storage = sockaddr_storage()
        var four = sockaddr_in()
        var six = sockaddr_in6()
        if inet_pton(AF_INET, address, &four.sin_addr) == 1 {
            four.sin_family = sa_family_t(AF_INET)
            four.sin_port = port.bigEndian
            withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: four, as: sockaddr_in.self) }
            return (storage, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
        if inet_pton(AF_INET6, address, &six.sin6_addr) == 1 {
            six.sin6_family = sa_family_t(AF_INET6)
            six.sin6_port = port.bigEndian
            withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: six, as: sockaddr_in6.self) }
            return (storage, socklen_t(MemoryLayout<sockaddr_in6>.size))
        }
        return nil
    }
}
