package import Hypervisor
package import JSON

/// The arguments of `disk.move`, every name chosen.
package struct DiskMove: Sendable, Equatable {
    package var host: HostName
    package var id: MachineID
    package var target: String
    package var from: VolumeReference
    package var to: VolumeReference
    /// Of the disk, and of its copy: `raw` or `qcow2`.
    package var format: String
    /// What the guest sees.
    package var capacityBytes: Int64
    /// Whether the disk stood on other volumes: the copy stands alone.
    package var isFlattened: Bool
    /// The machine that holds the disk while its own is off.
    package var helper: MachineID
    package var helperName: String

    package init(
        host: HostName, id: MachineID, target: String, from: VolumeReference, to: VolumeReference, format: String, capacityBytes: Int64,
        isFlattened: Bool, helper: MachineID, helperName: String
    ) {
        self.host = host
        self.id = id
        self.target = target
        self.from = from
        self.to = to
        self.format = format
        self.capacityBytes = capacityBytes
        self.isFlattened = isFlattened
        self.helper = helper
        self.helperName = helperName
    }

    package var json: JSONValue {
        [
            "host": .string(host.text), "id": .string(id.text), "target": .string(target), "from": from.json, "to": to.json,
            "format": .string(format), "capacity_bytes": .integer(capacityBytes), "flattened": .bool(isFlattened),
            "helper": .string(helper.text), "helper_name": .string(helperName),
        ]
    }

    package init?(json: JSONValue) {
        guard let object = json.objectValue, let host = object["host"]?.stringValue,
            let id = object["id"]?.stringValue.flatMap({ MachineID($0) }), let target = object["target"]?.stringValue,
            let from = VolumeReference(json: object["from"]), let to = VolumeReference(json: object["to"]),
            let format = object["format"]?.stringValue, let capacity = object["capacity_bytes"]?.integerValue,
            let helper = object["helper"]?.stringValue.flatMap({ MachineID($0) }), let helperName = object["helper_name"]?.stringValue
        else { return nil }
        self.init(
            host: HostName(host), id: id, target: target, from: from, to: to, format: format, capacityBytes: capacity,
            isFlattened: object["flattened"]?.boolValue ?? false, helper: helper, helperName: helperName)
    }
}
