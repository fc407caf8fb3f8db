internal import Hypervisor
package import JSON
package import JobQueue

/// `nic.attach`: a new network card, in the definition and in the running machine. A failure or a cancel takes it out again.
package struct NICAttachJob: JobKind {
    package let name = "nic.attach"
    let world: JobWorld

    package init(_ world: JobWorld) { self.world = world }

    package func steps(_ arguments: JSONValue) throws(JobFailure) -> [JobStep] {
        guard let wanted = NICAttachment(json: arguments) else { throw unreadableArguments(name) }
        let devices = DeviceSteps(world: world, host: wanted.host, machine: wanted.id)
        let card = wanted.nic.spec
        var steps = [check(wanted, devices)]
        if let address = wanted.nic.ip {
            steps.append(
                AddressSteps(world: world, host: wanted.host).reserve("reserve-address", address, for: card.mac, on: card.network))
        }
        steps.append(devices.attach(.nic(card.mac), canPlug: wanted.canPlug) { _ in .addNIC(card) })
        return steps
    }

    private func check(_ wanted: NICAttachment, _ devices: DeviceSteps) -> JobStep {
        devices.check { [world] host, seen in
            try await host.refreshNetworks()
            guard let network = world.fleet.networks(host.name).first(where: { $0.name == wanted.nic.spec.network }) else {
                throw NICRules.missing(wanted.nic.spec.network, host.name)
            }
            if seen.state.isActive, !network.isActive { throw NICRules.inactive(network.name, host.name) }
            let user = world.fleet.view.machines.first { $0.observation.hasCard(wanted.nic.spec.mac) }
            if let user { throw NICRules.taken(wanted.nic.spec.mac, by: user.name) }
        }
    }

    package func result(_ context: StepContext) async throws -> JSONValue? {
        guard let wanted = NICAttachment(json: context.arguments) else { return nil }
        return try await DeviceResult(world: world, host: wanted.host, machine: wanted.id).json(
            context, [("nic", ["mac": .string(wanted.nic.spec.mac), "network": .string(wanted.nic.spec.network)])])
    }
}

extension MachineObservation {
    /// Whether it has that card now or at its next boot.
    func hasCard(_ mac: String) -> Bool { hardware.nic(mac) != nil || defined.nic(mac) != nil }
}
