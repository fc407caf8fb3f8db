package import Hypervisor
package import JSON
internal import Platform

/// A network as the API shows it.
package struct NetworkState: Sendable, Equatable, JSONWritable {
    package var host: HostName
    package var observation: NetworkObservation
    package var isStale: Bool

    package var name: String { observation.name }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("type", "network")
            writer.field("name", observation.name)
            writer.field("host", host.text)
            writer.field("mode", observation.mode)
            writer.field("bridge", observation.bridge)
            writer.field("cidr", observation.cidr)
            writer.field("active", observation.isActive)
            writer.field("autostart", observation.autostart)
            writer.field("stale", isStale)
        }
    }
}

/// A DHCP lease as the API shows it, with the VM it belongs to.
package struct LeaseState: Sendable, Equatable, JSONWritable {
    package var observation: LeaseObservation
    package var machine: String?

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("mac", observation.mac)
            writer.field("address", observation.address)
            writer.field("hostname", observation.hostname)
            writer.field("expires_at", observation.expiresAtMilliseconds.map { Timestamp(milliseconds: $0).description })
            writer.field("vm", machine)
        }
    }
}

/// The virtual networks of all hosts.
package final class NetworkService: Sendable {
    private let hosts: HostService

    package init(hosts: HostService) { self.hosts = hosts }

    package func list(host: String?) throws(ServiceError) -> [NetworkState] {
        try hosts.chosen(host).flatMap { managed in
            hosts.fleet.networks(managed.name).map { NetworkState(host: managed.name, observation: $0, isStale: managed.state.isStale) }
        }.sorted { ($0.name, $0.host) < ($1.name, $1.host) }
    }

    /// `network.not_found`, `network.ambiguous`.
    package func get(_ name: String, host: String?) throws(ServiceError) -> NetworkState {
        try hosts.single(try list(host: host).filter { $0.name == name }, "network", name, host: host, hostOf: \.host)
    }

    package func leases(_ name: String, host: String?) async throws(ServiceError) -> [LeaseState] {
        let network = try get(name, host: host)
        let managed = try hosts.require(network.host)
        try managed.requireOnline()
        do {
            return try await managed.connection.leases(name).map { lease in
                let machine = hosts.fleet.view.machines.first { machine in
                    machine.host == network.host && machine.observation.hardware.nics.contains { $0.mac == lease.mac }
                }
                return LeaseState(observation: lease, machine: machine?.name)
            }
        } catch {
            throw error.serviceError
        }
    }
}
