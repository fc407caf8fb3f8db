internal import CLibvirt
package import Hypervisor

/// Addresses that a network's DHCP server keeps for single cards.
extension LibvirtConnection {
    package func reserve(_ reservation: DHCPReservation, on network: String) async throws(HypervisorError) {
        try await update(network) { known, place in try ReservationUpdate.reserve(reservation, among: known, in: place) }
    }

    package func release(mac: String, on network: String) async throws(HypervisorError) {
        try await update(network) { known, place in ReservationUpdate.release(mac, among: known, in: place) }
    }

    /// In the definition and in the running network, which may differ; in both or in none.
    private func update(
        _ name: String, _ decide: @escaping @Sendable ([DHCPReservation], ReservationUpdate.Place) throws -> ReservationUpdate?
    ) async throws(HypervisorError) {
        // In turns: two at once would each see the network without the other's address.
        try await change("virNetworkUpdate", in: networkEdits) { connection in
            let network = try connection.network(name)
            let updates = try Self.places(of: network).compactMap { place in try decide(Self.known(network, place), place) }
            var done: [ReservationUpdate] = []
            do {
                for update in updates {
                    try update.apply(to: network)
                    done.append(update)
                }
            } catch {
                for update in done.reversed() { try? update.takeBack(from: network) }
                throw error
            }
        }
    }

    private static func places(of network: NetworkHandle) throws -> [ReservationUpdate.Place] {
        var places: [ReservationUpdate.Place] = []
        if try network.status("virNetworkIsPersistent", { virNetworkIsPersistent($0) }) == 1 { places.append(.definition) }
        if try network.status("virNetworkIsActive", { virNetworkIsActive($0) }) == 1 { places.append(.running) }
        return places
    }

    private static func known(_ network: NetworkHandle, _ place: ReservationUpdate.Place) throws -> [DHCPReservation] {
        try NetworkXML.reservations(place == .running ? network.description() : network.definition())
    }
}
