package import Hypervisor
internal import JSON
internal import JobQueue
internal import Platform

/// The virtual networks of all hosts: what is there, and what may be done to it.
package final class NetworkService: Sendable {
    let hosts: HostService
    let desk: JobDesk

    init(hosts: HostService, desk: JobDesk) {
        self.hosts = hosts
        self.desk = desk
    }

    package func list(host: String?) throws(ServiceError) -> [NetworkState] {
        try hosts.chosen(host).flatMap { managed in hosts.fleet.networks(managed.name).map { state($0, managed) } }
            .sorted { ($0.name, $0.host) < ($1.name, $1.host) }
    }

    private func state(_ network: NetworkObservation, _ host: ManagedHost) -> NetworkState {
        let holders = network.reservations.isEmpty ? [:] : NetworkUse(fleet: hosts.fleet, host: host.name).names()
        return NetworkState(host: host.name, observation: network, holders: holders, isStale: host.state.isStale)
    }

    /// `network.not_found`, `network.ambiguous`.
    package func get(_ name: String, host: String?) throws(ServiceError) -> NetworkState {
        try hosts.single(try list(host: host).filter { $0.name == name }, "network", name, host: host, hostOf: \.host)
    }

    package func leases(_ name: String, host: String?) async throws(ServiceError) -> [LeaseState] {
        let network = try get(name, host: host)
        let managed = try hosts.require(network.host)
        try managed.requireOnline()
        let names = NetworkUse(fleet: hosts.fleet, host: network.host).names()
        do {
            return try await managed.connection.leases(name).map { LeaseState(observation: $0, machine: names[$0.mac.lowercased()]) }
        } catch {
            throw error.serviceError
        }
    }

    /// Whether `mac` may have an address on a network as it stands now, leases included. `network.not_found`.
    package func addressPlan(_ name: String, on host: HostName) async throws(ServiceError) -> AddressPlan {
        let managed = try hosts.require(host)
        do {
            return try await managed.addressPlan(name)
        } catch {
            throw error.serviceError
        }
    }
}

extension ManagedHost {
    /// Asks the host for the network and its leases.
    package func addressPlan(_ name: String) async throws(HypervisorError) -> AddressPlan {
        try await refreshNetworks()
        guard let network = fleet.networks(self.name).first(where: { $0.name == name }) else {
            throw HypervisorError(.networkNotFound, "there is no network '\(name)' on host '\(self.name)'", function: "networks")
        }
        var leases: [LeaseObservation] = []
        if network.isActive {
            // A network without a DHCP server of libvirt's has none to tell.
            do { leases = try await connection.leases(name) } catch { guard !error.isUncertain else { throw error } }
        }
        let names = NetworkUse(fleet: fleet, host: self.name).names()
        return AddressPlan(network: network, leases: leases, now: Timestamp.now().milliseconds) { names[$0] }
    }
}
