/// A network to be defined.
package struct NetworkSpec: Sendable, Equatable {
    package enum Mode: String, Sendable, CaseIterable {
        /// Guests reach the outside through the host's address.
        case nat
        /// Guests reach each other and the host.
        case isolated
        /// Guests are on a bridge that the host has already; no address and no DHCP of ours.
        case bridge
    }
    package var name: String
    /// Chosen by the caller: by it a network that was made is found again.
    package var uuid: String
    package var mode: Mode
    /// For `bridge` the host's bridge; else the bridge's name to make, nil leaves it to the host.
    package var bridge: String?
    /// The network's own address with prefix, `192.168.50.1/24`.
    package var cidr: String?
    package var dhcp: DHCPRange?
    package var reservations: [DHCPReservation]

    package init(
        name: String, uuid: String, mode: Mode, bridge: String?, cidr: String?, dhcp: DHCPRange?, reservations: [DHCPReservation] = []
    ) {
        self.name = name
        self.uuid = uuid
        self.mode = mode
        self.bridge = bridge
        self.cidr = cidr
        self.dhcp = dhcp
        self.reservations = reservations
    }
}
