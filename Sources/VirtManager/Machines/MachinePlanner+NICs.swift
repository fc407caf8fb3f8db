internal import Hypervisor
internal import JSON
internal import Platform

extension MachinePlanner {
    mutating func nics(_ draft: MachineDraft) async throws -> [MachineCreation.NIC] {
        var nics: [MachineCreation.NIC] = []
        for (index, wish) in (draft.nics ?? [MachineDraft.NIC(network: defaults.network)]).enumerated() {
            nics.append(try await nic(wish, at: draft.nics == nil ? nil : "/nics/\(index)"))
        }
        return nics
    }

    /// Checks one card against the host and chooses its MAC. `at`: the pointer of its entry; nil for the one that a machine
    /// gets which says nothing of cards.
    mutating func nic(_ wish: MachineDraft.NIC, at: String?) async throws -> MachineCreation.NIC {
        let network = requireNetwork(wish.network, at: at.map { "\($0)/network" } ?? "/nics", isDefault: at == nil)
        if let mac = wish.mac, let at, let other = user(ofMAC: mac) {
            problems.add(FieldProblem(pointer: "\(at)/mac", detail: "is used by VM '\(other)'", value: .string(mac)))
        }
        var mac = try wish.mac ?? Self.freshMAC()
        while wish.mac == nil, user(ofMAC: mac) != nil { mac = try Self.freshMAC() }
        if let ip = wish.ip, let at, let network { try await checkAddress(ip, of: mac, on: network, at: "\(at)/ip") }
        return MachineCreation.NIC(
            NICSpec(mac: mac, network: wish.network, model: wish.model, isLinkUp: wish.isLinkUp), ip: wish.ip)
    }

    func requireNetwork(_ name: String, at pointer: String, isDefault: Bool = false) -> NetworkObservation? {
        let networks = host.fleet.networks(host.name)
        guard let network = networks.first(where: { $0.name == name }) else {
            let hint = isDefault ? " (the default; \"nics\": [] makes a VM without one)" : ""
            problems.add(
                FieldProblem(
                    pointer: pointer, detail: "there is no network '\(name)' on host '\(host.name)'\(hint)", value: .string(name),
                    allowed: networks.map(\.name).sorted()))
            return nil
        }
        if !network.isActive {
            problems.add(
                FieldProblem(
                    pointer: pointer, detail: "network '\(name)' on host '\(host.name)' is not active", value: .string(name),
                    allowed: networks.filter(\.isActive).map(\.name).sorted()))
        }
        return network
    }

    /// Whether a card may be promised an address, by what the network's server has given out.
    mutating func checkAddress(_ ip: String, of mac: String, on network: NetworkObservation, at pointer: String) async throws {
        // Reservations come without an event: the inventory may be half a minute old.
        try await host.refreshNetworks()
        let now = host.fleet.networks(host.name).first { $0.name == network.name } ?? network
        var leases: [LeaseObservation] = []
        do {
            if network.isActive { leases = try await host.connection.leases(network.name) }
        } catch { guard !error.isUncertain else { throw error } }
        let machines = host.fleet.view
        let plan = AddressPlan(network: now, leases: leases, now: Timestamp.now().milliseconds) { mac in
            machines.machines.first { $0.observation.hardware.nics.contains { $0.mac == mac } }?.name
        }
        do throws(AddressPlan.Refusal) {
            _ = try plan.address(ip, for: mac)
        } catch {
            let problem = FieldProblem(pointer: pointer, detail: error.detail, value: .string(ip), allowed: error.allowed)
            if error.holder == nil { problems.add(problem) } else { conflicts.append(("network.address_taken", problem)) }
        }
    }

    private func user(ofMAC mac: String) -> String? {
        host.fleet.view.machines.first { $0.observation.hardware.nics.contains { $0.mac == mac } }?.name
    }
}
