/// A virtual network as its host shows it.
package struct NetworkObservation: Sendable, Equatable {
    package var name: String
    /// The host's UUID of it, lower case.
    package var uuid: String?
    /// `nat`, `isolated`, `route`, `bridge`, `open` …
    package var mode: String
    package var bridge: String?
    /// The network's own address with prefix, `192.168.122.1/24`; nil where it has none.
    package var cidr: String?
    /// What its DHCP server gives out; nil where there is no server, or it gives reservations only.
    package var dhcp: DHCPRange?
    package var reservations: [DHCPReservation]
    package var isActive: Bool
    package var isPersistent: Bool
    package var autostart: Bool

    package init(
        name: String, uuid: String? = nil, mode: String, bridge: String?, cidr: String?, dhcp: DHCPRange? = nil,
        reservations: [DHCPReservation] = [], isActive: Bool, isPersistent: Bool = true, autostart: Bool
    ) {
        self.name = name
        self.uuid = uuid
        self.mode = mode
        self.bridge = bridge
        self.cidr = cidr
        self.dhcp = dhcp
        self.reservations = reservations
        self.isActive = isActive
        self.isPersistent = isPersistent
        self.autostart = autostart
    }
}

/// The addresses a DHCP server gives out, both ends included.
package struct DHCPRange: Sendable, Equatable {
    package var start: String
    package var end: String
    package init(start: String, end: String) {
        self.start = start
        self.end = end
    }
}

/// An address kept for one network card (`<dhcp><host …/>`).
package struct DHCPReservation: Sendable, Equatable {
    /// Lower case with colons.
    package var mac: String
    package var address: String
    package var hostname: String?
    package init(mac: String, address: String, hostname: String? = nil) {
        self.mac = mac
        self.address = address
        self.hostname = hostname
    }
}
