package import Hypervisor
package import JSON

/// The arguments of `nic.attach`: the card with its MAC chosen, and the address that is kept for it.
package struct NICAttachment: Sendable, Equatable {
    package var host: HostName
    package var id: MachineID
    package var nic: MachineCreation.NIC
    /// Whether the host plugs cards into running machines.
    package var canPlug: Bool

    package init(host: HostName, id: MachineID, nic: MachineCreation.NIC, canPlug: Bool) {
        self.host = host
        self.id = id
        self.nic = nic
        self.canPlug = canPlug
    }

    /// What nobody else may take meanwhile.
    package var reservations: [String] {
        ["nic:\(nic.spec.mac)"] + (nic.ip.map { ["address:\(host)/\(nic.spec.network)/\($0)"] } ?? [])
    }

    package var json: JSONValue {
        ["host": .string(host.text), "id": .string(id.text), "nic": nic.json, "can_plug": .bool(canPlug)]
    }

    package init?(json: JSONValue) {
        guard let object = json.objectValue, let host = object["host"]?.stringValue,
            let id = object["id"]?.stringValue.flatMap({ MachineID($0) }), let nic = MachineCreation.NIC(json: object["nic"])
        else { return nil }
        self.init(host: HostName(host), id: id, nic: nic, canPlug: object["can_plug"]?.boolValue ?? true)
    }
}
