internal import Hypervisor
internal import Platform
internal import Synchronization

extension ManagedHost {
    /// Asks for a running guest's addresses: the agent where it is connected, the leases, and, if neither has one that
    /// others can reach, the host's neighbour table. What a source said last stays, with its time, while that source is silent.
    @discardableResult
    func refreshAddresses(of machine: MachineObservation) async throws(HypervisorError) -> [ObservedAddress] {
        guard machine.state.isActive else { return [] }
        let known = fleet.addresses(of: machine.id, on: name)
        var found: [ObservedAddress] = []
        if machine.agentConnected, machine.state == .running {
            found += try await ask(machine.id, .agent) ?? known.filter { $0.address.source == .agent }
        } else {
            forgetSilentAgents(of: [machine.id])
        }
        found += try await ask(machine.id, .lease) ?? known.filter { $0.address.source == .lease }
        if !found.contains(where: \.isUsable), !machine.hardware.nics.isEmpty, !hidesNeighbours.load(ordering: .relaxed) {
            found += try await ask(machine.id, .arp) ?? known.filter { $0.address.source == .arp }
        }
        fleet.take(addresses: found, of: machine.id, on: name)
        return found
    }

    /// nil if that source could not say. A silent agent is the guest's affair; a silent host is told.
    private func ask(_ id: MachineID, _ source: GuestAddress.Source) async throws(HypervisorError) -> [ObservedAddress]? {
        do {
            let found = try await connection.addresses(id, source: source).map { ObservedAddress($0, observedAt: .now()) }
            if source == .agent { forgetSilentAgents(of: [id]) }
            return found
        } catch {
            let isTheGuests = source == .agent && error.code == .timeout
            if source == .agent, isTheGuests || error.code == .agentUnavailable { noteSilentAgent(of: id) }
            guard !error.isUncertain || isTheGuests else { throw error }
            if source == .arp, error.code == .operationFailed || error.code == .unsupported {
                hidesNeighbours.store(true, ordering: .relaxed)
            }
            return nil
        }
    }
}
