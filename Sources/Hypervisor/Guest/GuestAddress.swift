/// An address of a guest's network card, and who said so.
package struct GuestAddress: Sendable, Equatable {
    package enum Source: String, Sendable, CaseIterable {
        /// The guest's own agent.
        case agent
        /// A lease of the libvirt network's DHCP server.
        case lease
        /// The host's neighbour table.
        case arp
    }
    package var mac: String
    package var address: String
    package var prefix: Int
    package var source: Source

    package init(mac: String, address: String, prefix: Int, source: Source) {
        self.mac = mac
        self.address = address
        self.prefix = prefix
        self.source = source
    }
}
