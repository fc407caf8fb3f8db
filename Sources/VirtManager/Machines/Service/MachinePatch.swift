internal import Hypervisor
internal import JSON
internal import Platform

/// Reads a merge patch of a machine against what is there; every fault goes to the reader's problems.
struct MachinePatch {
    /// Names that a patch may change.
    static let changeable = [
        "name", "vcpus", "vcpus_max", "memory", "memory_bytes", "memory_max", "memory_max_bytes", "cpu", "machine", "accel", "boot",
        "description", "labels", "autostart", "expires_in", "expires_at",
    ]

    let reader: ObjectReader
    let machine: MachineView
    let shown: JSONObject
    let defaults: MachineDefaults

    init(_ patch: JSONValue, _ machine: MachineView, defaults: MachineDefaults) {
        reader = ObjectReader(patch, problems: ProblemList())
        self.machine = machine
        self.defaults = defaults
        shown = (try? JSONReader.parse(JSONWriter.encode(machine), limits: .own))?.objectValue ?? JSONObject()
    }

    private var defined: MachineHardware { machine.observation.defined }

    private func says(_ name: String) -> Bool { reader.says(name, over: shown) }

    /// As it stands in the patch, before the host is asked about it.
    func update() -> MachineUpdate {
        var update = MachineUpdate(host: machine.host, id: machine.id)
        refuseNull("name", "vcpus", "memory", "memory_bytes")
        update.name = name()
        sizes(&update)
        let cpu = MachineDraft.cpu(reader)
        if says("cpu") { update.cpu = cpu.map(PatchPart.set) ?? .removed }
        let type = MachineDraft.machineType(reader)
        if says("machine") { update.machineType = type ?? "q35" }
        let accel = reader.choice("accel", ["auto", "kvm", "tcg", "native"])
        if says("accel") { update.accel = accel ?? "auto" }
        update.boot = boot()
        update.description = reader.isNull("description") ? "" : MachineDraft.description(reader)
        update.autostart = reader.isNull("autostart") ? false : reader.bool("autostart")
        update.labels = labels()
        update.expiresAtMilliseconds = expiry()
        return update
    }

    private func refuseNull(_ names: String...) {
        for name in names where reader.isNull(name) { reader.problem(name, "must not be null") }
    }

    private func name() -> String? {
        guard let name = reader.string("name", maxLength: 1024), name != machine.name else { return nil }
        if !NameRules.isMachineName(name) { reader.problem("name", "is not a valid machine name", allowed: [NameRules.machine]) }
        return name
    }

    // MARK: Sizes

    private func sizes(_ update: inout MachineUpdate) {
        let vcpus = reader.integer("vcpus", in: 1...MachineDraft.mostVCPUs).map(Int.init)
        let vcpusMax = reader.integer("vcpus_max", in: 1...MachineDraft.mostVCPUs).map(Int.init)
        if says("vcpus") { update.vcpus = vcpus }
        if says("vcpus_max") { update.vcpusMax = vcpusMax.map(PatchPart.set) ?? .removed }
        if let most = vcpusMax, update.vcpusMax.isGiven, most < update.vcpus ?? defined.vcpus {
            reader.problem("vcpus_max", "is less than vcpus", allowed: ["null", "at least \(update.vcpus ?? defined.vcpus)"])
        }
        let memory = MachineDraft.memory(reader, "memory")
        let memoryMax = MachineDraft.memory(reader, "memory_max")
        if says("memory") || says("memory_bytes") { update.memoryBytes = memory }
        if says("memory_max") || says("memory_max_bytes") { update.memoryMaxBytes = memoryMax.map(PatchPart.set) ?? .removed }
        let smallest = update.memoryBytes ?? defined.memoryBytes
        if let most = memoryMax, update.memoryMaxBytes.isGiven, most < smallest {
            reader.problem(pointed("memory_max"), "is less than memory", allowed: ["null", "at least \(smallest)"])
        }
        if let memory = update.memoryBytes, defined.firmware != .bios, memory < FirmwareChoice.smallestUEFIMemory {
            reader.problem(
                pointed("memory"), "is less than UEFI firmware comes up in", allowed: ["at least \(FirmwareChoice.smallestUEFIMemory)"])
        }
    }

    /// The name under which a size stands in the patch.
    func pointed(_ name: String) -> String { reader.isPresent(name) ? name : "\(name)_bytes" }

    // MARK: Kernel

    private func boot() -> PatchPart<MachineUpdate.Boot> {
        guard says("boot") else {
            reader.ignore("boot")
            return .unchanged
        }
        if reader.isNull("boot") { return .removed }
        guard let patch = reader.object("boot") else { return .unchanged }
        var boot = MachineUpdate.Boot()
        func volume(_ name: String) -> VolumeReference? {
            patch.volumeReference(name, defaultPool: defaults.pool).map { VolumeReference(pool: $0.pool, volume: $0.volume) }
        }
        boot.kernel = volume("kernel")
        if patch.isNull("kernel") || boot.kernel == nil && defined.boot == nil {
            patch.problem("kernel", "is missing", allowed: ["a volume", "boot: null"])
        }
        boot.initrd = patch.isNull("initrd") ? .removed : volume("initrd").map(PatchPart.set) ?? .unchanged
        boot.cmdline = patch.isNull("cmdline") ? "" : patch.string("cmdline", maxLength: 2048, allowEmpty: true)
        if let cmdline = boot.cmdline, !NameRules.isPlainText(cmdline) { patch.problem("cmdline", "has control characters") }
        return .set(boot)
    }

    // MARK: Labels and lifetime

    private func labels() -> [String: String?]? {
        guard reader.isPresent("labels") else { return nil }
        if reader.isNull("labels") { return Dictionary(uniqueKeysWithValues: machine.labels.keys.map { ($0, nil) }) }
        guard let object = reader.value("labels")?.objectValue else {
            reader.problem("labels", "is not an object", allowed: ["an object of texts; null removes one"])
            return nil
        }
        var labels: [String: String?] = [:]
        for name in object.names {
            let value = object[name]
            if value != .null, value?.stringValue == nil {
                reader.problem("labels", "the value of '\(name)' is not a text", allowed: ["a text", "null"])
            }
            if let text = value?.stringValue, text.utf8.count > 255 {
                reader.problem("labels", "the value of '\(name)' is longer than 255 bytes")
            }
            MachineDraft.check(label: name, value?.stringValue, reader)
            labels.updateValue(value?.stringValue, forKey: name)
        }
        if machine.labels.merging(labels.compactMapValues { $0 }, uniquingKeysWith: { $1 }).count > 64 {
            reader.problem("labels", "would be more than 64", allowed: ["at most 64"])
        }
        return labels
    }

    private func expiry() -> PatchPart<Int64> {
        // What is shown is taken back, past or not.
        let isShown = reader.value("expires_at").map { $0 == shown["expires_at"] } ?? false
        if isShown, !reader.isPresent("expires_in") { return .unchanged }
        if let expiry = Expiry.read(reader) { return .set(expiry.milliseconds(from: .now())) }
        return reader.isNull("expires_in") || reader.isNull("expires_at") ? .removed : .unchanged
    }
}
