package import Hypervisor

/// Whether a network card may be promised an address on a network, and if not, who has it. Pure: it judges what was seen.
///
/// Two requests at once can both find an address free: the host's own refusal (`HostNetworks.reserve`) settles that.
package struct AddressPlan: Sendable {
    /// Why an address cannot be had.
    package struct Refusal: Error, Equatable, Sendable {
        /// Fit for a field's problem: "is kept for …".
        package var detail: String
        package var allowed: [String]
        /// The card that has the address, where it is one's.
        package var holder: String?

        package init(_ detail: String, allowed: [String] = [], holder: String? = nil) {
            self.detail = detail
            self.allowed = allowed
            self.holder = holder
        }
    }

    package let network: NetworkObservation
    /// As they stand now; ended ones count for nothing.
    package let leases: [LeaseObservation]
    private let machine: @Sendable (_ mac: String) -> String?

    /// - Parameters:
    ///   - now: milliseconds since 1970 UTC, to tell leases that have ended.
    ///   - machine: the name of the machine that has a card with this MAC, for the text of a refusal.
    package init(
        network: NetworkObservation, leases: [LeaseObservation], now: Int64,
        machine: @escaping @Sendable (_ mac: String) -> String? = { _ in nil }
    ) {
        self.network = network
        self.leases = leases.filter { $0.network == network.name && ($0.expiresAtMilliseconds ?? .max) > now }
        self.machine = machine
    }

    /// The network's subnet with its own address in it; nil where it has none, or not IPv4.
    package var subnet: IPv4Subnet? { network.cidr.flatMap { IPv4Subnet($0) } }

    /// The address as it is written to the host, if the card `mac` may have it. A card keeps what is its own already.
    package func address(_ text: String, for mac: String) throws(Refusal) -> IPv4Address {
        guard let address = IPv4Address(text) else {
            throw Refusal("is not an IPv4 address", allowed: ["four numbers such as 192.168.50.10"])
        }
        guard network.dhcp != nil || !network.reservations.isEmpty else {
            throw Refusal("network '\(network.name)' has no DHCP server of its own that could give out an address")
        }
        guard let subnet else { throw Refusal("network '\(network.name)' has no IPv4 subnet of its own") }
        let allowed = ["\(subnet.firstHost) to \(subnet.lastHost), but not \(subnet.address)"]
        guard subnet.contains(address) else {
            throw Refusal("lies outside the subnet \(subnet.network)/\(subnet.prefix) of network '\(network.name)'", allowed: allowed)
        }
        guard address != subnet.address else { throw Refusal("is the address of network '\(network.name)' itself", allowed: allowed) }
        guard address != subnet.network, address != subnet.broadcast else {
            throw Refusal("is the subnet's own or its broadcast address", allowed: allowed)
        }
        if let holder = reservation(of: address), holder.mac != mac.lowercased() {
            throw Refusal("is kept for \(name(of: holder.mac, holder.hostname))", holder: holder.mac)
        }
        if let holder = lease(of: address), holder.mac.lowercased() != mac.lowercased() {
            throw Refusal("is leased to \(name(of: holder.mac, holder.hostname))", holder: holder.mac)
        }
        return address
    }

    /// What is kept for this card.
    package func reservation(for mac: String) -> DHCPReservation? { network.reservations.first { $0.mac == mac.lowercased() } }

    private func reservation(of address: IPv4Address) -> DHCPReservation? {
        network.reservations.first { IPv4Address($0.address) == address }
    }

    private func lease(of address: IPv4Address) -> LeaseObservation? { leases.first { IPv4Address($0.address) == address } }

    private func name(of mac: String, _ hostname: String?) -> String {
        if let machine = machine(mac.lowercased()) { return "VM '\(machine)' (\(mac))" }
        return hostname.map { "\(mac) ('\($0)')" } ?? mac
    }
}
