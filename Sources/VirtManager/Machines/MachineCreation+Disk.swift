package import Hypervisor
package import JSON

extension MachineCreation {
    /// One disk with its names chosen: of a machine to be made, or to be plugged into one that is there.
    package struct Disk: Sendable, Equatable {
        package enum Origin: String, Sendable {
            case attach, empty, linked
            /// A drive, with a medium or without.
            case drive
            /// The cloud-init seed, made by the job.
            case seed
        }
        package var target: String
        package var origin: Origin
        /// nil for an empty drive.
        package var volume: VolumeReference?
        package var bytes: Int64?
        package var from: VolumeReference?
        package var device: DiskSpec.Device = .disk
        package var bus: DiskSpec.Bus = .virtio
        package var isReadOnly = false
        package var cache: DiskSpec.Cache?
        package var serial: String?
        package var bootOrder: Int?

        /// Whether the job makes its volume.
        package var isMade: Bool { origin == .empty || origin == .linked || origin == .seed }
        /// A volume that must be there beforehand.
        package var needed: VolumeReference? { from ?? (isMade ? nil : volume) }

        package init(target: String, origin: Origin, volume: VolumeReference?, bytes: Int64? = nil, from: VolumeReference? = nil) {
            self.target = target
            self.origin = origin
            self.volume = volume
            self.bytes = bytes
            self.from = from
        }

        package var json: JSONValue {
            [
                "target": .string(target), "origin": .string(origin.rawValue), "volume": volume?.json ?? .null,
                "bytes": bytes.map(JSONValue.integer) ?? .null, "from": from?.json ?? .null, "device": .string(device.rawValue),
                "bus": .string(bus.rawValue), "read_only": .bool(isReadOnly), "cache": cache.map { .string($0.rawValue) } ?? .null,
                "serial": serial.map(JSONValue.string) ?? .null, "boot_order": bootOrder.map { .integer(Int64($0)) } ?? .null,
            ]
        }

        /// Reads what `json` wrote; nil for anything else.
        package init?(json: JSONValue?) {
            guard let object = json?.objectValue, let target = object["target"]?.stringValue,
                let origin = object["origin"]?.stringValue.flatMap(Origin.init(rawValue:))
            else { return nil }
            self.init(
                target: target, origin: origin, volume: VolumeReference(json: object["volume"]), bytes: object["bytes"]?.integerValue,
                from: VolumeReference(json: object["from"]))
            guard volume != nil || origin == .drive else { return nil }
            device = object["device"]?.stringValue.flatMap(DiskSpec.Device.init(rawValue:)) ?? .disk
            bus = object["bus"]?.stringValue.flatMap(DiskSpec.Bus.init(rawValue:)) ?? .virtio
            isReadOnly = object["read_only"]?.boolValue ?? false
            cache = object["cache"]?.stringValue.flatMap(DiskSpec.Cache.init(rawValue:))
            serial = object["serial"]?.stringValue
            bootOrder = object["boot_order"]?.integerValue.map(Int.init)
        }
    }
}

extension MachineCreation.NIC {
    package var json: JSONValue {
        [
            "network": .string(spec.network), "mac": .string(spec.mac), "model": .string(spec.model), "link_up": .bool(spec.isLinkUp),
            "ip": ip.map(JSONValue.string) ?? .null,
        ]
    }

    /// Reads what `json` wrote; nil for anything else.
    package init?(json: JSONValue?) {
        guard let object = json?.objectValue, let network = object["network"]?.stringValue, let mac = object["mac"]?.stringValue else {
            return nil
        }
        self.init(
            NICSpec(
                mac: mac, network: network, model: object["model"]?.stringValue ?? "virtio", isLinkUp: object["link_up"]?.boolValue ?? true),
            ip: object["ip"]?.stringValue)
    }
}
