internal import Hypervisor
package import JSON

extension MachineCreation {
    package var json: JSONValue {
        var object = JSONObject([
            ("host", .string(host.text)), ("id", .string(id.text)), ("name", .string(name)), ("vcpus", .integer(Int64(vcpus))),
            ("vcpus_max", .integer(Int64(vcpusMax))), ("memory_bytes", .integer(memoryBytes)),
            ("memory_max_bytes", .integer(memoryMaxBytes)), ("accel", .string(accel)), ("firmware", .string(firmware.name)),
            ("secure_boot", .bool(firmware.isSecureBoot)), ("tpm", .bool(hasTPM)),
            ("disks", .array(disks.map(\.json))), ("nics", .array(nics.map(\.json))),
            ("labels", .object(JSONObject(labels.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))),
            ("description", .string(description)), ("autostart", .bool(autostart)), ("start", .bool(start)),
            ("wait_for", .array(waitFor.map(JSONValue.string))), ("wait_timeout_ms", .integer(waitTimeoutMilliseconds)),
        ])
        if let cpu { object["cpu"] = .string(cpu) }
        if let machineType { object["machine"] = .string(machineType) }
        if let boot {
            object["boot"] = [
                "kernel": boot.kernel.json, "initrd": boot.initrd?.json ?? .null, "cmdline": .string(boot.cmdline),
            ]
        }
        if let console { object["console"] = console.json }
        if let nvram { object["nvram"] = nvram.json }
        if let expiresAtMilliseconds { object["expires_at_ms"] = .integer(expiresAtMilliseconds) }
        return .object(object)
    }

    /// Reads what `json` wrote, also what earlier versions did; nil for anything else.
    package init?(json: JSONValue) {
        guard let object = json.objectValue, let host = object["host"]?.stringValue,
            let id = object["id"]?.stringValue.flatMap({ MachineID($0) }), let name = object["name"]?.stringValue,
            let vcpus = object["vcpus"]?.integerValue, let memory = object["memory_bytes"]?.integerValue
        else { return nil }
        self.init(
            host: HostName(host), id: id, name: name, vcpus: Int(vcpus), vcpusMax: Int(object["vcpus_max"]?.integerValue ?? vcpus),
            memoryBytes: memory, memoryMaxBytes: object["memory_max_bytes"]?.integerValue ?? memory, cpu: object["cpu"]?.stringValue,
            machineType: object["machine"]?.stringValue, accel: object["accel"]?.stringValue ?? "auto",
            firmware: FirmwareChoice(
                isUEFI: object["firmware"]?.stringValue == "uefi", isSecureBoot: object["secure_boot"]?.boolValue ?? false),
            nvram: VolumeReference(json: object["nvram"]), hasTPM: object["tpm"]?.boolValue ?? false, boot: Self.boot(object["boot"]),
            disks: (object["disks"]?.arrayValue ?? []).compactMap { Disk(json: $0) },
            nics: (object["nics"]?.arrayValue ?? []).compactMap { NIC(json: $0) }, console: VolumeReference(json: object["console"]),
            labels: (object["labels"]?.objectValue).map(Self.labels) ?? [:], description: object["description"]?.stringValue ?? "",
            autostart: object["autostart"]?.boolValue ?? false, expiresAtMilliseconds: object["expires_at_ms"]?.integerValue,
            start: object["start"]?.boolValue ?? false, waitFor: object["wait_for"]?.arrayValue?.compactMap(\.stringValue) ?? [],
            waitTimeoutMilliseconds: object["wait_timeout_ms"]?.integerValue ?? 120_000)
    }

    private static func boot(_ value: JSONValue?) -> MachineDraft.Boot? {
        guard let object = value?.objectValue, let kernel = VolumeReference(json: object["kernel"]) else { return nil }
        return MachineDraft.Boot(
            kernel: kernel, initrd: VolumeReference(json: object["initrd"]), cmdline: object["cmdline"]?.stringValue ?? "")
    }

    static func labels(_ object: JSONObject) -> [String: String] {
        object.names.reduce(into: [:]) { labels, name in labels[name] = object[name]?.stringValue }
    }
}
