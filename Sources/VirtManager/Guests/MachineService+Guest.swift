package import Hypervisor
internal import Platform

extension MachineService {
    /// All that is known of where the guest is, with who said so and how long ago.
    ///
    /// - Parameter refresh: asks the agent and the leases now; so does a first look.
    package func addresses(_ machine: MachineView, refresh: Bool) async throws(ServiceError) -> [KnownAddress] {
        let host = try hosts.require(machine.host)
        var addresses = fleet.addresses(of: machine.id, on: machine.host)
        if refresh { try host.requireOnline() }
        if refresh || addresses.isEmpty, host.state.reach == .online {
            do { addresses = try await host.refreshAddresses(of: machine.observation) } catch { throw error.serviceError }
        }
        let now = Timestamp.now()
        return addresses.map { KnownAddress(address: $0, now: now) }
    }

    /// A picture of what stands on the guest's first screen.
    package func screenshot(_ machine: MachineView) async throws(ServiceError) -> Screenshot {
        let host = try hosts.require(machine.host)
        try host.requireOnline()
        guard machine.state.isActive else {
            throw ServiceError(
                "vm.wrong_state", .state, "VM '\(machine.name)' is \(machine.state.rawValue): it has no screen now",
                hints: ["POST \(machine.path)/start starts it"])
        }
        try await host.requireFeature(.screenshot)
        do { return try await host.connection.screenshot(machine.id) } catch { throw error.serviceError }
    }
}
