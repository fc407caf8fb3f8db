/// A virtual network as its host shows it.
package struct NetworkObservation: Sendable, Equatable {
    package var name: String
    /// `nat`, `isolated`, `route`, `bridge`, `open` …
    package var mode: String
    package var bridge: String?
    /// The network's own address with prefix, `192.168.122.1/24`; nil where it has none.
    package var cidr: String?
    package var isActive: Bool
    package var autostart: Bool

    package init(name: String, mode: String, bridge: String?, cidr: String?, isActive: Bool, autostart: Bool) {
        self.name = name
        self.mode = mode
        self.bridge = bridge
        self.cidr = cidr
        self.isActive = isActive
        self.autostart = autostart
    }
}

/// A lease that a network's DHCP server has given out.
package struct LeaseObservation: Sendable, Equatable {
    package var network: String
    package var mac: String
    package var address: String
    package var prefix: Int
    package var hostname: String?
    /// Milliseconds since 1970 UTC; nil for one without end.
    package var expiresAtMilliseconds: Int64?

    package init(network: String, mac: String, address: String, prefix: Int, hostname: String?, expiresAtMilliseconds: Int64?) {
        self.network = network
        self.mac = mac
        self.address = address
        self.prefix = prefix
        self.hostname = hostname
        self.expiresAtMilliseconds = expiresAtMilliseconds
    }
}
