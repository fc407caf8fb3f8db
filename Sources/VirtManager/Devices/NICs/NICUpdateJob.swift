package import Hypervisor
package import JSON
package import JobQueue

/// The arguments of `nic.update`; nil leaves a part as it is.
package struct NICUpdate: Sendable, Equatable {
    package enum Address: Sendable, Equatable {
        case unchanged
        case keep(String)
        case free
    }
    package var host: HostName
    package var id: MachineID
    package var mac: String
    package var network: String?
    package var isLinkUp: Bool?
    package var address = Address.unchanged
    /// The network the card is on once the job is done.
    package var endsOn: String

    package init(host: HostName, id: MachineID, mac: String, endsOn: String) {
        self.host = host
        self.id = id
        self.mac = mac
        self.endsOn = endsOn
    }

    package var json: JSONValue {
        var object = JSONObject([
            ("host", .string(host.text)), ("id", .string(id.text)), ("mac", .string(mac)), ("ends_on", .string(endsOn)),
        ])
        if let network { object["network"] = .string(network) }
        if let isLinkUp { object["link_up"] = .bool(isLinkUp) }
        switch address {
        case .unchanged: break
        case .keep(let text): object["ip"] = .string(text)
        case .free: object["ip"] = .null
        }
        return .object(object)
    }

    package init?(json: JSONValue) {
        guard let object = json.objectValue, let host = object["host"]?.stringValue,
            let id = object["id"]?.stringValue.flatMap({ MachineID($0) }), let mac = object["mac"]?.stringValue,
            let endsOn = object["ends_on"]?.stringValue
        else { return nil }
        self.init(host: HostName(host), id: id, mac: mac, endsOn: endsOn)
        network = object["network"]?.stringValue
        isLinkUp = object["link_up"]?.boolValue
        if let ip = object["ip"] { address = ip.stringValue.map(Address.keep) ?? .free }
    }

    /// What nobody else may take meanwhile.
    package var reservations: [String] {
        guard case .keep(let address) = address else { return [] }
        return ["address:\(host)/\(endsOn)/\(address)"]
    }

    /// What is still to be changed about the card as it is there.
    func edit(of card: NICObservation) -> MachineEdit? {
        let newNetwork = network == card.network ? nil : network
        let newLink = isLinkUp == card.isLinkUp ? nil : isLinkUp
        guard newNetwork != nil || newLink != nil else { return nil }
        return .setNIC(mac: mac, network: newNetwork, isLinkUp: newLink)
    }
}

/// `nic.update`: network and link of a card, in the running machine and then in its definition, and the address kept for it.
/// Forward only.
package struct NICUpdateJob: JobKind {
    package let name = "nic.update"
    package let isUndoable = false
    let world: JobWorld

    package init(_ world: JobWorld) { self.world = world }

    package func steps(_ arguments: JSONValue) throws(JobFailure) -> [JobStep] {
        guard let wanted = NICUpdate(json: arguments) else { throw unreadableArguments(name) }
        let devices = DeviceSteps(world: world, host: wanted.host, machine: wanted.id)
        let addresses = AddressSteps(world: world, host: wanted.host)
        var steps = [check(wanted, devices)]
        if wanted.network != nil || wanted.isLinkUp != nil { steps += [set(wanted, devices), define(wanted, devices)] }
        // An address of one network is none on another.
        if wanted.address == .free {
            steps.append(addresses.release(wanted.mac))
        } else if wanted.network != nil {
            steps.append(addresses.release(wanted.mac, but: wanted.endsOn))
        }
        if case .keep(let address) = wanted.address {
            steps.append(addresses.reserve("reserve-address", address, for: wanted.mac, on: wanted.endsOn))
        }
        return steps
    }

    private func check(_ wanted: NICUpdate, _ devices: DeviceSteps) -> JobStep {
        devices.check { [world] host, seen in
            guard seen.hasCard(wanted.mac) else { throw NICRules.unknown(wanted.mac, seen) }
            guard let name = wanted.network else { return }
            try await host.refreshNetworks()
            guard let network = world.fleet.networks(host.name).first(where: { $0.name == name }) else {
                throw NICRules.missing(name, host.name)
            }
            if seen.state.isActive, !network.isActive { throw NICRules.inactive(name, host.name) }
        }
    }

    private func set(_ wanted: NICUpdate, _ devices: DeviceSteps) -> JobStep {
        let refusal = DeviceSteps.Refusal()
        return JobStep(
            "set", .ensure,
            probe: { [world] _ in
                try await world.probe(wanted.host) { host in
                    let seen = try await devices.look(host)
                    guard let live = seen.live else { return .done(Applied.definition.observed("nic")) }
                    guard let card = live.nic(wanted.mac) else { return .done(Applied.nextBoot.observed("nic")) }
                    if wanted.edit(of: card) == nil { return .done(Applied.live.observed("nic")) }
                    return refusal.reason == nil ? .absent : .done(Applied.nextBoot.observed("nic"))
                }
            },
            act: { [world] context in
                let host = try world.host(wanted.host)
                guard let card = try await devices.look(host).live?.nic(wanted.mac), let edit = wanted.edit(of: card) else { return }
                try await refusal.note(context) { () async throws(HypervisorError) in
                    try await host.connection.editLive(wanted.id, edit)
                }
            })
    }

    private func define(_ wanted: NICUpdate, _ devices: DeviceSteps) -> JobStep {
        JobStep(
            "define", .ensure,
            probe: { [world] _ in
                try await world.probe(wanted.host) { host in
                    guard let card = try await devices.look(host).defined.nic(wanted.mac) else { return .done }
                    return wanted.edit(of: card) == nil ? .done : .absent
                }
            },
            act: { [world] _ in
                let host = try world.host(wanted.host)
                guard let card = try await devices.look(host).defined.nic(wanted.mac), let edit = wanted.edit(of: card) else { return }
                try await host.connection.edit(wanted.id, [edit])
            })
    }

    package func result(_ context: StepContext) async throws -> JSONValue? {
        guard let wanted = NICUpdate(json: context.arguments) else { return nil }
        return try await DeviceResult(world: world, host: wanted.host, machine: wanted.id).json(
            context, [("nic", ["mac": .string(wanted.mac), "network": .string(wanted.endsOn)])])
    }
}
