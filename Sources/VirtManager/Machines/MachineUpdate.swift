package import Hypervisor
package import JSON

/// The arguments of `vm.update`: a merge patch (RFC 7396), brought together with the machine as it is when the job runs. Two
/// patches in line lose nothing of each other.
package struct MachineUpdate: Sendable, Equatable {
    /// What a patch says of the kernel that the hypervisor loads itself.
    package struct Boot: Sendable, Equatable {
        package var kernel: VolumeReference?
        package var initrd = PatchPart<VolumeReference>.unchanged
        package var cmdline: String?
        package init() {}
    }

    package var host: HostName
    package var id: MachineID
    package var name: String?
    package var vcpus: Int?
    /// Removed: as many as the machine has processors.
    package var vcpusMax = PatchPart<Int>.unchanged
    package var memoryBytes: Int64?
    package var memoryMaxBytes = PatchPart<Int64>.unchanged
    /// Removed: the default of the accelerator.
    package var cpu = PatchPart<String>.unchanged
    package var machineType: String?
    /// `auto`, or an accelerator's name.
    package var accel: String?
    /// Removed: from its disks again.
    package var boot = PatchPart<Boot>.unchanged
    package var description: String?
    package var autostart: Bool?
    /// nil values remove.
    package var labels: [String: String?]?
    /// Removed: never.
    package var expiresAtMilliseconds = PatchPart<Int64>.unchanged

    package init(host: HostName, id: MachineID) {
        self.host = host
        self.id = id
    }

    /// Whether it touches what the machine consists of.
    package var hasHardware: Bool {
        vcpus != nil || vcpusMax.isGiven || memoryBytes != nil || memoryMaxBytes.isGiven || cpu.isGiven || machineType != nil
            || accel != nil || boot.isGiven
    }

    /// Whether it touches what is kept in the machine itself beside its hardware.
    package var hasChange: Bool {
        description != nil || autostart != nil || labels != nil || expiresAtMilliseconds.isGiven || accel != nil
    }

    /// What nobody else may take meanwhile.
    package var reservations: [String] { name.map { ["vm:\($0)"] } ?? [] }

    /// What is to be changed, hardware apart, about a machine that is now as `seen`; nil if nothing.
    package func change(of seen: MachineObservation) -> MachineChange? {
        var change = MachineChange()
        if let description, description != seen.description { change.description = description }
        if let autostart, autostart != seen.autostart { change.autostart = autostart }
        if var metadata = seen.metadata {
            for (key, value) in labels ?? [:] { metadata.labels[key] = value }
            metadata.expiresAtMilliseconds = expiresAtMilliseconds.over(metadata.expiresAtMilliseconds)
            if let accel { metadata.accel = accel }
            if metadata != seen.metadata { change.metadata = metadata }
        }
        return change == MachineChange() ? nil : change
    }
}

extension MachineUpdate {
    package var json: JSONValue {
        var object = JSONObject([("host", .string(host.text)), ("id", .string(id.text))])
        if let name { object["name"] = .string(name) }
        if let vcpus { object["vcpus"] = .integer(Int64(vcpus)) }
        vcpusMax.put("vcpus_max", in: &object) { .integer(Int64($0)) }
        if let memoryBytes { object["memory_bytes"] = .integer(memoryBytes) }
        memoryMaxBytes.put("memory_max_bytes", in: &object) { .integer($0) }
        cpu.put("cpu", in: &object) { .string($0) }
        if let machineType { object["machine"] = .string(machineType) }
        if let accel { object["accel"] = .string(accel) }
        boot.put("boot", in: &object, Self.json)
        if let description { object["description"] = .string(description) }
        if let autostart { object["autostart"] = .bool(autostart) }
        if let labels {
            object["labels"] = .object(
                JSONObject(labels.sorted { $0.key < $1.key }.map { ($0.key, $0.value.map(JSONValue.string) ?? .null) }))
        }
        expiresAtMilliseconds.put("expires_at_ms", in: &object) { .integer($0) }
        return .object(object)
    }

    private static func json(_ boot: Boot) -> JSONValue {
        var object = JSONObject()
        if let kernel = boot.kernel { object["kernel"] = kernel.json }
        boot.initrd.put("initrd", in: &object) { $0.json }
        if let cmdline = boot.cmdline { object["cmdline"] = .string(cmdline) }
        return .object(object)
    }

    /// Reads what `json` wrote; nil for anything else.
    package init?(json: JSONValue) {
        guard let object = json.objectValue, let host = object["host"]?.stringValue,
            let id = object["id"]?.stringValue.flatMap({ MachineID($0) })
        else { return nil }
        self.init(host: HostName(host), id: id)
        name = object["name"]?.stringValue
        vcpus = object["vcpus"]?.integerValue.map { Int(clamping: $0) }
        vcpusMax = PatchPart(object["vcpus_max"]) { $0.integerValue.map { Int(clamping: $0) } }
        memoryBytes = object["memory_bytes"]?.integerValue
        memoryMaxBytes = PatchPart(object["memory_max_bytes"], \.integerValue)
        cpu = PatchPart(object["cpu"], \.stringValue)
        machineType = object["machine"]?.stringValue
        accel = object["accel"]?.stringValue
        boot = PatchPart(object["boot"], Self.boot)
        description = object["description"]?.stringValue
        autostart = object["autostart"]?.boolValue
        if let patch = object["labels"]?.objectValue {
            var labels: [String: String?] = [:]
            for name in patch.names { labels.updateValue(patch[name]?.stringValue, forKey: name) }
            self.labels = labels
        }
        expiresAtMilliseconds = PatchPart(object["expires_at_ms"], \.integerValue)
    }

    private static func boot(_ value: JSONValue) -> Boot? {
        guard let object = value.objectValue else { return nil }
        var boot = Boot()
        boot.kernel = VolumeReference(json: object["kernel"])
        boot.initrd = PatchPart(object["initrd"]) { VolumeReference(json: $0) }
        boot.cmdline = object["cmdline"]?.stringValue
        return boot
    }
}
