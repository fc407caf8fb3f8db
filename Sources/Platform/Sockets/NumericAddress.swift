internal import Glibc

/// An IPv4 or IPv6 address by its bytes, and what kind it is (RFC 6890).
package struct NumericAddress: Sendable, Hashable {
    /// 4 or 16, network order; an IPv4 address mapped into IPv6 is the 4.
    package let bytes: [UInt8]

    /// nil if the text is no numeric address (inet_pton(3)). A zone such as `%eth0` belongs to no address here.
    package init?(_ text: String) {
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            bytes = withUnsafeBytes(of: &four) { Array($0) }
            return
        }
        var six = in6_addr()
        guard inet_pton(AF_INET6, text, &six) == 1 else { return nil }
        let all = withUnsafeBytes(of: &six) { Array($0) }
        let isMapped = all[..<10].allSatisfy { $0 == 0 } && all[10] == 0xff && all[11] == 0xff
        bytes = isMapped ? Array(all[12...]) : all
    }

    /// Names one machine that others may reach: not unspecified, loopback, link-local, multicast, broadcast or reserved.
    package var isOrdinary: Bool {
        if bytes.count == 4 {
            let isLinkLocal = bytes[0] == 169 && bytes[1] == 254
            return bytes[0] != 0 && bytes[0] != 127 && bytes[0] < 224 && !isLinkLocal
        }
        let isLinkLocal = bytes[0] == 0xfe && bytes[1] & 0xc0 == 0x80
        let isLoopbackOrNone = bytes[..<15].allSatisfy { $0 == 0 } && bytes[15] <= 1
        return bytes[0] != 0xff && !isLinkLocal && !isLoopbackOrNone
    }

    /// The addresses of this machine's own devices (getifaddrs(3)).
    package static func own() -> Set<NumericAddress> {
        var list: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&list) == 0 else { return [] }
        defer { freeifaddrs(list) }
        var found: Set<NumericAddress> = []
        var next = list
        while let entry = next {
            next = entry.pointee.ifa_next
            guard let address = entry.pointee.ifa_addr else { continue }
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let family = Int32(address.pointee.sa_family)
            guard family == AF_INET || family == AF_INET6 else { continue }
            let size = family == AF_INET ? MemoryLayout<sockaddr_in>.size : MemoryLayout<sockaddr_in6>.size
            guard getnameinfo(address, socklen_t(size), &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0 else { continue }
            let name = String(
                decoding: text.prefix { $0 != 0 && $0 != CChar(UInt8(ascii: "%")) }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if let numeric = NumericAddress(name) { found.insert(numeric) }
        }
        return found
    }
}
