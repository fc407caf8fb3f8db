package import Hypervisor
package import JSON

/// A machine as a request wishes it: the body of `POST /v1/vms`, read and checked by itself, not yet against any host.
package struct MachineDraft: Sendable, Equatable {
    package struct Boot: Sendable, Equatable {
        package var kernel: VolumeReference
        package var initrd: VolumeReference?
        package var cmdline: String
    }

    package var name: String?
    package var host: String?
    package var vcpus: Int
    /// How many it may have without a reboot.
    package var vcpusMax: Int
    package var memoryBytes: Int64
    /// How much it may have without a reboot.
    package var memoryMaxBytes: Int64
    /// nil: the default, which goes by the accelerator.
    package var cpu: String?
    package var machineType: String?
    package var accel: String
    package var firmware: FirmwareChoice
    package var hasTPM: Bool
    package var boot: Boot?
    package var disks: [Disk]
    /// nil: one on the default network.
    package var nics: [NIC]?
    package var labels: [String: String]
    package var description: String
    package var autostart: Bool
    package var expiry: Expiry?
    package var cloudInit: CloudInitDraft?
    package var start: Bool
    package var waitFor: [String]
    package var waitTimeout: Duration
    /// The names the body really had, for create-or-confirm.
    package var given: Set<String>

}

/// What the daemon puts where a request says nothing.
package struct MachineDefaults: Sendable, Equatable {
    package var pool: String
    package var network: String
    package init(pool: String = "default", network: String = "default") {
        self.pool = pool
        self.network = network
    }
}

extension MachineDraft {
    /// What only answers have: taken and passed over, so that what was read can be sent back.
    static let outputOnly = [
        "type", "id", "state", "state_reason", "address", "template", "clone_mode", "managed", "snapshot_count", "current_snapshot",
        "active_job", "allowed_actions", "pending", "stale", "created_at", "started_at", "changed",
    ]

    /// Reads a body; every fault goes to `problems`, and nil is answered if the reading makes no sense at all.
    package static func read(_ body: JSONValue, defaults: MachineDefaults, problems: ProblemList) -> MachineDraft? {
        let reader = ObjectReader(body, problems: problems)
        reader.ignore(outputOnly)
        let sizes = Sizes(reader)
        let waitFor = reader.strings("wait_for", max: 8) ?? []
        Gate.check(waitFor, at: "/wait_for", problems)
        let start = reader.bool("start")
        if start == false, !waitFor.isEmpty {
            reader.problem("wait_for", "waits for a machine that is not to be started", allowed: ["start: true"])
        }
        var draft = MachineDraft(
            name: name(reader), host: reader.string("host", maxLength: 256), vcpus: sizes.vcpus, vcpusMax: sizes.vcpusMax,
            memoryBytes: sizes.memoryBytes, memoryMaxBytes: sizes.memoryMaxBytes, cpu: cpu(reader), machineType: machineType(reader),
            accel: reader.choice("accel", ["auto", "kvm", "tcg", "native"]) ?? "auto", firmware: FirmwareChoice(reader),
            hasTPM: reader.bool("tpm") ?? false, boot: boot(reader, defaults),
            disks: disks(reader, defaults), nics: nics(reader, defaults), labels: labels(reader) ?? [:],
            description: description(reader) ?? "", autostart: reader.bool("autostart") ?? false, expiry: Expiry.read(reader),
            cloudInit: CloudInitDraft.read(reader),
            start: start ?? !waitFor.isEmpty, waitFor: waitFor,
            waitTimeout: reader.duration("wait_timeout", in: .seconds(1) ... .seconds(86_400)) ?? .seconds(120),
            given: [])
        draft.check(reader)
        // First: `isNull` makes every name it is asked for a known one.
        reader.finish()
        draft.given = Set(reader.names.filter { !reader.isNull($0) })
        return draft
    }

    /// Rules between fields.
    private func check(_ reader: ObjectReader) {
        if cpu == "host-passthrough", accel == "tcg" {
            reader.problem(
                "cpu", "needs the accelerator kvm: there is no processor to pass through otherwise", allowed: ["default", "max"])
        }
        if firmware.isUEFI, memoryBytes < FirmwareChoice.smallestUEFIMemory {
            reader.problem(
                reader.isPresent("memory_bytes") ? "memory_bytes" : "memory",
                "is too little for UEFI, whose firmware does not come up in it",
                allowed: ["at least \(FirmwareChoice.smallestUEFIMemory)", "firmware: bios"])
        }
    }

    static func name(_ reader: ObjectReader) -> String? {
        guard let name = reader.string("name", maxLength: 1024, allowEmpty: true) else { return nil }
        if !NameRules.isMachineName(name) { reader.problem("name", "is not a valid machine name", allowed: [NameRules.machine]) }
        return name
    }

    static func labels(_ reader: ObjectReader) -> [String: String]? {
        guard let labels = reader.stringMap("labels", maxEntries: 64, maxLength: 255) else { return nil }
        for (key, value) in labels.sorted(by: { $0.key < $1.key }) { check(label: key, value, reader) }
        return labels
    }

    static func check(label key: String, _ value: String?, _ reader: ObjectReader) {
        if !NameRules.isLabelKey(key) { reader.problem("labels", "'\(key)' is not a valid label name", allowed: [NameRules.label]) }
        if let value, !NameRules.isPlainText(value) { reader.problem("labels", "the value of '\(key)' has control characters") }
    }

    static func description(_ reader: ObjectReader) -> String? {
        guard let text = reader.string("description", maxLength: 4096, allowEmpty: true) else { return nil }
        if !NameRules.isPlainText(text, lines: true) { reader.problem("description", "has control characters") }
        return text
    }

    static func boot(_ reader: ObjectReader, _ defaults: MachineDefaults) -> Boot? {
        guard let boot = reader.object("boot") else { return nil }
        let kernel = boot.volumeReference("kernel", defaultPool: defaults.pool, required: true)
        let initrd = boot.volumeReference("initrd", defaultPool: defaults.pool)
        let cmdline = boot.string("cmdline", maxLength: 2048, allowEmpty: true) ?? ""
        if !NameRules.isPlainText(cmdline) { boot.problem("cmdline", "has control characters") }
        return kernel.map {
            Boot(
                kernel: VolumeReference(pool: $0.pool, volume: $0.volume),
                initrd: initrd.map { VolumeReference(pool: $0.pool, volume: $0.volume) }, cmdline: cmdline)
        }
    }
}
