package import Hypervisor
package import JSON

/// The arguments of a `vm.create` job: a draft with every name, id and address chosen, as it stands in the queue.
package struct MachineCreation: Sendable, Equatable {
    package struct Disk: Sendable, Equatable {
        package enum Origin: String, Sendable { case attach, empty, linked }
        package var target: String
        package var origin: Origin
        package var volume: VolumeReference
        package var bytes: Int64?
        package var from: VolumeReference?
        package var isReadOnly = false

        package var isMade: Bool { origin != .attach }
    }
    package var host: HostName
    package var id: MachineID
    package var name: String
    package var vcpus: Int
    package var memoryBytes: Int64
    package var accel: String
    package var boot: MachineDraft.Boot?
    package var disks: [Disk]
    package var nics: [NICSpec]
    package var console: VolumeReference?
    package var labels: [String: String]
    package var description: String
    package var autostart: Bool
    package var start: Bool
    package var waitFor: [String]
    package var waitTimeoutMilliseconds: Int64

    /// Volumes the job makes: they are deleted with the machine.
    package var ownedVolumes: [VolumeReference] { disks.filter(\.isMade).map(\.volume) + (console.map { [$0] } ?? []) }
}

extension VolumeReference {
    package var json: JSONValue { .object(JSONObject([("pool", .string(pool)), ("volume", .string(volume))])) }

    package init?(json: JSONValue?) {
        guard let object = json?.objectValue, let pool = object["pool"]?.stringValue, let volume = object["volume"]?.stringValue else {
            return nil
        }
        self.init(pool: pool, volume: volume)
    }
}

extension MachineCreation {
    package var json: JSONValue {
        var object = JSONObject([
            ("host", .string(host.text)), ("id", .string(id.text)), ("name", .string(name)), ("vcpus", .integer(Int64(vcpus))),
            ("memory_bytes", .integer(memoryBytes)), ("accel", .string(accel)),
            ("disks", .array(disks.map(Self.json))),
            ("nics", .array(nics.map { ["network": .string($0.network), "mac": .string($0.mac), "model": .string($0.model)] })),
            ("labels", .object(JSONObject(labels.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))),
            ("description", .string(description)), ("autostart", .bool(autostart)), ("start", .bool(start)),
            ("wait_for", .array(waitFor.map(JSONValue.string))), ("wait_timeout_ms", .integer(waitTimeoutMilliseconds)),
        ])
        if let boot {
            object["boot"] = [
                "kernel": boot.kernel.json, "initrd": boot.initrd?.json ?? .null, "cmdline": .string(boot.cmdline),
            ]
        }
        if let console { object["console"] = console.json }
        return .object(object)
    }

    private static func json(_ disk: Disk) -> JSONValue {
        [
            "target": .string(disk.target), "origin": .string(disk.origin.rawValue), "volume": disk.volume.json,
            "bytes": disk.bytes.map(JSONValue.integer) ?? .null, "from": disk.from?.json ?? .null, "read_only": .bool(disk.isReadOnly),
        ]
    }

    /// Reads what `json` wrote; nil for anything else.
    package init?(json: JSONValue) {
        guard let object = json.objectValue, let host = object["host"]?.stringValue,
            let id = object["id"]?.stringValue.flatMap({ MachineID($0) }), let name = object["name"]?.stringValue,
            let vcpus = object["vcpus"]?.integerValue, let memory = object["memory_bytes"]?.integerValue
        else { return nil }
        self.init(
            host: HostName(host), id: id, name: name, vcpus: Int(vcpus), memoryBytes: memory,
            accel: object["accel"]?.stringValue ?? "auto", boot: Self.boot(object["boot"]),
            disks: (object["disks"]?.arrayValue ?? []).compactMap(Self.disk),
            nics: (object["nics"]?.arrayValue ?? []).compactMap(Self.nic), console: VolumeReference(json: object["console"]),
            labels: (object["labels"]?.objectValue).map(Self.labels) ?? [:], description: object["description"]?.stringValue ?? "",
            autostart: object["autostart"]?.boolValue ?? false, start: object["start"]?.boolValue ?? false,
            waitFor: object["wait_for"]?.arrayValue?.compactMap(\.stringValue) ?? [],
            waitTimeoutMilliseconds: object["wait_timeout_ms"]?.integerValue ?? 120_000)
    }

    private static func boot(_ value: JSONValue?) -> MachineDraft.Boot? {
        guard let object = value?.objectValue, let kernel = VolumeReference(json: object["kernel"]) else { return nil }
        return MachineDraft.Boot(
            kernel: kernel, initrd: VolumeReference(json: object["initrd"]), cmdline: object["cmdline"]?.stringValue ?? "")
    }

    private static func disk(_ value: JSONValue) -> Disk? {
        guard let object = value.objectValue, let target = object["target"]?.stringValue,
            let origin = object["origin"]?.stringValue.flatMap(Disk.Origin.init(rawValue:)),
            let volume = VolumeReference(json: object["volume"])
        else { return nil }
        return Disk(
            target: target, origin: origin, volume: volume, bytes: object["bytes"]?.integerValue,
            from: VolumeReference(json: object["from"]), isReadOnly: object["read_only"]?.boolValue ?? false)
    }

    private static func nic(_ value: JSONValue) -> NICSpec? {
        guard let object = value.objectValue, let network = object["network"]?.stringValue, let mac = object["mac"]?.stringValue else {
            return nil
        }
        return NICSpec(mac: mac, network: network, model: object["model"]?.stringValue ?? "virtio")
    }

    static func labels(_ object: JSONObject) -> [String: String] {
        object.names.reduce(into: [:]) { labels, name in labels[name] = object[name]?.stringValue }
    }
}
