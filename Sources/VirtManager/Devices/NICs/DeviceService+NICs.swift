internal import Hypervisor
package import JSON
internal import JobQueue
internal import Platform

extension DeviceService {
    // MARK: Attaching

    /// A new network card: the body is an entry of `nics` as in the making of a machine.
    package func attachNIC(_ machine: MachineView, _ body: JSONValue, _ mutation: Mutation) async throws -> Outcome<MachineView> {
        let host = try await host(toEdit: machine)
        let reader = ObjectReader(body, problems: ProblemList())
        reader.ignore("type", "vm", "pending")
        let wish = MachineDraft.nic(reader, defaults)
        reader.finish()
        var planner = MachinePlanner(host: host, defaults: defaults, problems: reader.problems)
        let nic = try await planner.nic(wish, at: "")
        try planner.settle()
        if nic.ip != nil { try await host.requireFeature(.reservations) }
        if let user = fleet.view.machines.first(where: { $0.observation.hasCard(nic.spec.mac) }) {
            throw NICRules.taken(nic.spec.mac, by: user.name)
        }
        let arguments = NICAttachment(
            host: machine.host, id: machine.id, nic: nic, canPlug: try await host.capabilities().can(.hotplugNIC))
        return try await enqueue(
            "nic.attach", arguments.json, machine, locks: locks(machine, [network(nic.spec.network, machine.host)]),
            reservations: arguments.reservations, mutation)
    }

    // MARK: Changing

    /// A merge patch of `network`, `link` and `ip`.
    package func updateNIC(
        _ machine: MachineView, _ mac: String, _ patch: JSONValue, _ mutation: Mutation
    ) async throws -> Outcome<MachineView> {
        let shown = try nic(mac, of: machine)
        let mac = shown.name
        let host = try await host(toEdit: machine)
        let reader = ObjectReader(patch, problems: ProblemList())
        guard let card = machine.observation.hardware.nic(mac) ?? machine.observation.defined.nic(mac) else {
            throw NICRules.unknown(mac, machine.observation)
        }
        for name in ["network", "link"] where reader.isNull(name) && shown.fields[name] != .null {
            reader.problem(name, "must not be null", allowed: name == "link" ? ["up", "down"] : ["a network's name"])
        }
        let given = reader.string("network", maxLength: 256)
        let network = reader.says("network", over: shown.fields) ? given : nil
        var update = NICUpdate(host: machine.host, id: machine.id, mac: mac, endsOn: network ?? card.network ?? "")
        var planner = MachinePlanner(host: host, defaults: defaults, problems: reader.problems)
        if let network, isNews(network, mac, machine) {
            _ = planner.requireNetwork(network, at: reader.pointer(to: "network"))
            update.network = network
        }
        let link = reader.choice("link", ["up", "down"])
        if reader.says("link", over: shown.fields) { update.isLinkUp = link.map { $0 == "up" } }
        update.address = address(reader, shown, update, host)
        if case .keep(let address) = update.address {
            if let network = fleet.networks(host.name).first(where: { $0.name == update.endsOn }) {
                try await host.requireFeature(.reservations)
                try await planner.checkAddress(address, of: mac, on: network, at: reader.pointer(to: "ip"))
            } else if update.network == nil {
                reader.problem("ip", "needs a network of the host to keep it, and the card is on none", allowed: ["null"])
            }
        }
        try ReadOnlyFields(shown, except: ["network", "link", "ip"], ignoring: ["pending", "addresses", "target"]).check(reader)
            .finish(reader)
        try planner.settle()
        if isAlone(machine), isDone(update, machine.observation) { return unchanged(machine, mutation) }
        let networks = Set([card.network, update.network].compactMap { $0 }).sorted()
        return try await enqueue(
            "nic.update", update.json, machine, locks: locks(machine, networks.map { self.network($0, machine.host) }),
            reservations: update.reservations, mutation)
    }

    /// Whether the card is elsewhere, now or at the next boot, or has an address kept elsewhere.
    private func isNews(_ network: String, _ mac: String, _ machine: MachineView) -> Bool {
        let seen = machine.observation
        if !isAlone(machine) || [seen.live, seen.defined].compactMap({ $0?.nic(mac) }).contains(where: { $0.network != network }) {
            return true
        }
        return fleet.networks(machine.host).contains { $0.name != network && $0.reservations.contains { $0.mac == mac } }
    }

    /// What is to become of the card's address; what is kept already is left alone.
    private func address(_ reader: ObjectReader, _ shown: DeviceState, _ update: NICUpdate, _ host: ManagedHost) -> NICUpdate.Address {
        let mac = update.mac
        let kept = fleet.networks(host.name).first { $0.name == update.endsOn }?.reservations.first { $0.mac == mac }?.address
        if reader.isNull("ip") { return kept == nil && update.network == nil ? .unchanged : .free }
        guard let text = MachineDraft.ip(reader), text != kept, reader.says("ip", over: shown.fields) else { return .unchanged }
        // The address it has on the network it leaves is what an answer shows; on another one it means nothing.
        let isShown = fleet.networks(host.name).contains { $0.reservations.contains { $0.mac == mac && $0.address == text } }
        return isShown && update.network != nil ? .unchanged : .keep(text)
    }

    private func isDone(_ update: NICUpdate, _ seen: MachineObservation) -> Bool {
        guard update.address == .unchanged else { return false }
        return [seen.live, seen.defined].compactMap { $0?.nic(update.mac) }.allSatisfy { update.edit(of: $0) == nil }
    }

    // MARK: Detaching

    package func detachNIC(
        _ machine: MachineView, _ mac: String, missingOK: Bool, _ mutation: Mutation
    ) async throws -> Outcome<MachineView> {
        let shown: DeviceState
        do { shown = try nic(mac, of: machine) } catch {
            guard missingOK else { throw error }
            return .absent
        }
        let host = try await host(toEdit: machine)
        let arguments = NICDetachment(
            host: machine.host, id: machine.id, mac: shown.name, canUnplug: try await host.capabilities().can(.hotplugNIC))
        return try await enqueue("nic.detach", arguments.json, machine, locks: locks(machine), mutation)
    }
}
