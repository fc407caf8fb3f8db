internal import Hypervisor
internal import JobQueue

/// The steps that keep addresses for network cards, and free them: shared by all kinds of jobs that do so.
struct AddressSteps {
    let world: JobWorld
    let host: HostName

    /// Has the network's DHCP server keep `ip` for the card. Undone by freeing it.
    func reserve(_ step: String, _ ip: String, for mac: String, on network: String) -> JobStep {
        JobStep(
            step, .ensure,
            probe: { [world, host] _ in
                try await world.probe(host) { host in
                    let kept = try await Self.reservations(on: network, host)
                    if kept.contains(where: { $0.mac == mac && $0.address == ip }) { return .done }
                    return .absent
                }
            },
            act: { [world, host] _ in
                do {
                    try await world.host(host).connection.reserve(DHCPReservation(mac: mac, address: ip), on: network)
                } catch let error as HypervisorError where error.code == .alreadyExists {
                    var failure = JobFailure(
                        "network.address_taken", category: "conflict",
                        detail: "the address \(ip) of network '\(network)' is kept for another card", native: error.nativeJSON)
                    failure.isForeign = true
                    throw failure
                }
            },
            undo: { [world, host] _ in try await world.host(host).connection.release(mac: mac, on: network) })
    }

    /// Frees what is kept for the card. Forward only.
    func release(_ step: String, mac: String, on network: String) -> JobStep {
        JobStep(
            step, .ensure,
            probe: { [world, host] _ in
                try await world.probe(host) { host in
                    try await Self.reservations(on: network, host).contains { $0.mac == mac } ? .absent : .done
                }
            },
            act: { [world, host] context in
                try await world.host(host).connection.release(mac: mac, on: network)
                context.log("freed the address kept for \(mac) on network '\(network)'")
            })
    }

    /// As the host shows them now; none on a network that is gone.
    private static func reservations(on network: String, _ host: ManagedHost) async throws -> [DHCPReservation] {
        try await host.refreshNetworks()
        return host.fleet.networks(host.name).first { $0.name == network }?.reservations ?? []
    }
}
