package import Hypervisor
package import JSON
package import JobQueue

/// The arguments of `nic.detach`.
package struct NICDetachment: Sendable, Equatable {
    package var host: HostName
    package var id: MachineID
    package var mac: String
    /// Whether the host takes cards out of running machines.
    package var canUnplug: Bool

    package init(host: HostName, id: MachineID, mac: String, canUnplug: Bool) {
        self.host = host
        self.id = id
        self.mac = mac
        self.canUnplug = canUnplug
    }

    package var json: JSONValue {
        ["host": .string(host.text), "id": .string(id.text), "mac": .string(mac), "can_unplug": .bool(canUnplug)]
    }

    package init?(json: JSONValue) {
        guard let object = json.objectValue, let host = object["host"]?.stringValue,
            let id = object["id"]?.stringValue.flatMap({ MachineID($0) }), let mac = object["mac"]?.stringValue
        else { return nil }
        self.init(host: HostName(host), id: id, mac: mac, canUnplug: object["can_unplug"]?.boolValue ?? true)
    }
}

/// `nic.detach`: a network card leaves the running machine, then its definition, then the address kept for it. Forward only.
package struct NICDetachJob: JobKind {
    package let name = "nic.detach"
    package let isUndoable = false
    let world: JobWorld

    package init(_ world: JobWorld) { self.world = world }

    package func steps(_ arguments: JSONValue) throws(JobFailure) -> [JobStep] {
        guard let wanted = NICDetachment(json: arguments) else { throw unreadableArguments(name) }
        let devices = DeviceSteps(world: world, host: wanted.host, machine: wanted.id)
        let card = DeviceHandle.nic(wanted.mac)
        return [
            devices.check { _, seen in guard seen.hasCard(wanted.mac) else { throw NICRules.unknown(wanted.mac, seen) } },
            devices.unplug(card, canUnplug: wanted.canUnplug), devices.remove(card),
            AddressSteps(world: world, host: wanted.host).release(wanted.mac),
        ]
    }

    package func result(_ context: StepContext) async throws -> JSONValue? {
        guard let wanted = NICDetachment(json: context.arguments) else { return nil }
        return try await DeviceResult(world: world, host: wanted.host, machine: wanted.id).json(
            context, [("nic", ["mac": .string(wanted.mac)])])
    }
}
