internal import CLibvirt
internal import Hypervisor

/// One step of virNetworkUpdate on the addresses that a network keeps, in one of its two descriptions.
struct ReservationUpdate: Equatable {
    enum Command: Equatable {
        case add(DHCPReservation)
        case modify(DHCPReservation)
        case delete(DHCPReservation)
    }

    /// What the running network goes by, or what the next start goes by.
    enum Place: CaseIterable { case definition, running }

    var command: Command
    var place: Place
    /// What takes it back.
    var undo: Command

    /// nil if it is so already. `alreadyExists` if the address is kept for another card.
    static func reserve(
        _ wanted: DHCPReservation, among known: [DHCPReservation], in place: Place
    ) throws(HypervisorError) -> ReservationUpdate? {
        let mac = wanted.mac.lowercased()
        if let other = known.first(where: { $0.address == wanted.address && $0.mac != mac }) {
            throw HypervisorError(
                .alreadyExists, "the address \(wanted.address) is kept for the card \(other.mac)", function: "virNetworkUpdate")
        }
        guard let old = known.first(where: { $0.mac == mac }) else {
            return ReservationUpdate(command: .add(wanted), place: place, undo: .delete(wanted))
        }
        if old.address == wanted.address, old.hostname == wanted.hostname { return nil }
        return ReservationUpdate(command: .modify(wanted), place: place, undo: .modify(old))
    }

    /// nil if there is nothing to free.
    static func release(_ mac: String, among known: [DHCPReservation], in place: Place) -> ReservationUpdate? {
        known.first { $0.mac == mac.lowercased() }.map { ReservationUpdate(command: .delete($0), place: place, undo: .add($0)) }
    }

    func apply(to network: NetworkHandle) throws { try Self.apply(command, place, to: network) }
    func takeBack(from network: NetworkHandle) throws { try Self.apply(undo, place, to: network) }

    private static func apply(_ command: Command, _ place: Place, to network: NetworkHandle) throws {
        let (native, reservation) =
            switch command {
            case .add(let reservation): (VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, reservation)
            case .modify(let reservation): (VIR_NETWORK_UPDATE_COMMAND_MODIFY, reservation)
            case .delete(let reservation): (VIR_NETWORK_UPDATE_COMMAND_DELETE, reservation)
            }
        let xml = try NetworkXML.host(reservation)
        let flags = place == .running ? VIR_NETWORK_UPDATE_AFFECT_LIVE : VIR_NETWORK_UPDATE_AFFECT_CONFIG
        try network.status("virNetworkUpdate") {
            // -1: the address that has a DHCP server.
            virNetworkUpdate($0, native.rawValue, VIR_NETWORK_SECTION_IP_DHCP_HOST.rawValue, -1, xml, flags.rawValue)
        }
    }
}
