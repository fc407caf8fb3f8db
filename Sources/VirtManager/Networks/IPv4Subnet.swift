/// An IPv4 subnet together with the address that its owner has in it: `192.168.50.1/24`.
package struct IPv4Subnet: Hashable, Sendable, CustomStringConvertible {
    /// The address given, host bits and all.
    package let address: IPv4Address
    /// 0…32.
    package let prefix: Int

    package init?(address: IPv4Address, prefix: Int) {
        guard (0...32).contains(prefix) else { return nil }
        self.address = address
        self.prefix = prefix
    }

    /// `ADDRESS/PREFIX`.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = IPv4Address(parts[0]), (1...2).contains(parts[1].utf8.count),
            parts[1].utf8.allSatisfy({ (48...57).contains($0) }), parts[1] == "0" || !parts[1].hasPrefix("0"), let prefix = Int(parts[1])
        else { return nil }
        self.init(address: address, prefix: prefix)
    }

    private var mask: UInt32 { prefix == 0 ? 0 : ~UInt32(0) << UInt32(32 - prefix) }

    /// The address that stands for the subnet itself.
    package var network: IPv4Address { IPv4Address(number: address.number & mask) }
    package var broadcast: IPv4Address { IPv4Address(number: address.number | ~mask) }
    /// The first and the last address that a guest may have; a subnet of fewer than four addresses has none between its ends.
    package var firstHost: IPv4Address { prefix > 30 ? network : IPv4Address(number: network.number + 1) }
    package var lastHost: IPv4Address { prefix > 30 ? broadcast : IPv4Address(number: broadcast.number - 1) }

    package func contains(_ other: IPv4Address) -> Bool { other.number & mask == address.number & mask }

    package func overlaps(_ other: IPv4Subnet) -> Bool {
        prefix <= other.prefix ? contains(other.address) : other.contains(address)
    }

    package var description: String { "\(address)/\(prefix)" }
}
