internal import Hypervisor
internal import JobQueue

extension AddressSteps {
    /// Frees what is kept for a card on every network but `kept`. What went with its network is free.
    func release(_ mac: String, but kept: String? = nil) -> JobStep {
        JobStep(
            "release-address", .ensure,
            probe: { [world, host] _ in
                try await world.probe(host) { host in try await keepers(of: mac, but: kept, host).isEmpty ? .done : .absent }
            },
            act: { [world, host] context in
                let host = try world.host(host)
                for network in try await keepers(of: mac, but: kept, host) {
                    try await host.connection.release(mac: mac, on: network)
                    context.log("freed the address kept for \(mac) on network '\(network)'")
                }
            })
    }

    private func keepers(of mac: String, but kept: String?, _ host: ManagedHost) async throws -> [String] {
        try await host.refreshNetworks()
        return world.fleet.networks(host.name).filter { $0.name != kept && $0.reservations.contains { $0.mac == mac } }.map(\.name)
    }
}
