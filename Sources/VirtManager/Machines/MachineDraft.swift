package import Hypervisor
package import JSON

/// A machine as a request wishes it: the body of `POST /v1/vms`, read and checked by itself, not yet against any host.
package struct MachineDraft: Sendable, Equatable {
    package struct Boot: Sendable, Equatable {
        package var kernel: VolumeReference
        package var initrd: VolumeReference?
        package var cmdline: String
    }
    package enum Disk: Sendable, Equatable {
        /// A volume that is there.
        case attach(VolumeReference, isReadOnly: Bool)
        /// A new, empty one.
        case empty(pool: String, bytes: Int64)
        /// A new overlay on an image; `bytes` nil takes the image's size.
        case linked(from: VolumeReference, pool: String, bytes: Int64?)
        /// Refused already; keeps the places of those behind it.
        case refused
    }
    package struct NIC: Sendable, Equatable {
        package var network: String
        package var mac: String?
        package var model: String
    }

    package var name: String?
    package var host: String?
    package var vcpus: Int
    package var memoryBytes: Int64
    package var accel: String
    package var boot: Boot?
    package var disks: [Disk]
    /// nil: one on the default network.
    package var nics: [NIC]?
    package var labels: [String: String]
    package var description: String
    package var autostart: Bool
    package var start: Bool
    package var waitFor: [String]
    package var waitTimeout: Duration
    /// The names the body really had, for create-or-confirm.
    package var given: Set<String>

    package static let gates = ["running", "address", "agent"]
    package static let smallestMemory: Int64 = 16 << 20
    package static let largestMemory: Int64 = 16 << 40
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
        "active_job", "allowed_actions", "pending", "expires_at", "stale", "created_at", "started_at", "changed",
    ]

    /// Reads a body; every fault goes to `problems`, and nil is answered if the reading makes no sense at all.
    package static func read(_ body: JSONValue, defaults: MachineDefaults, problems: ProblemList) -> MachineDraft? {
        let reader = ObjectReader(body, problems: problems)
        reader.ignore(outputOnly)
        let vcpus = reader.integer("vcpus", in: 1...255) ?? 1
        // libvirt counts memory in KiB, upwards.
        let asked = reader.byteCount("memory", alias: "memory_bytes", in: smallestMemory...largestMemory) ?? 256 << 20
        let memory = (asked + 1023) / 1024 * 1024
        refuseLater(reader, vcpus: vcpus, memory: memory)
        let waitFor = reader.strings("wait_for", max: 8) ?? []
        for (index, gate) in waitFor.enumerated() where !gates.contains(gate) {
            problems.add(
                FieldProblem(pointer: "/wait_for/\(index)", detail: "is not a gate", value: .string(gate), allowed: gates))
        }
        let start = reader.bool("start")
        if start == false, !waitFor.isEmpty {
            reader.problem("wait_for", "waits for a machine that is not to be started", allowed: ["start: true"])
        }
        var draft = MachineDraft(
            name: name(reader), host: reader.string("host", maxLength: 256), vcpus: Int(vcpus), memoryBytes: memory,
            accel: reader.choice("accel", ["auto", "kvm", "tcg", "native"]) ?? "auto", boot: boot(reader, defaults),
            disks: disks(reader, defaults), nics: nics(reader, defaults), labels: labels(reader) ?? [:],
            description: description(reader) ?? "", autostart: reader.bool("autostart") ?? false, start: start ?? !waitFor.isEmpty,
            waitFor: waitFor,
            waitTimeout: reader.duration("wait_timeout", in: .seconds(1) ... .seconds(86_400)) ?? .seconds(120),
            given: [])
        // First: `isNull` makes every name it is asked for a known one.
        reader.finish()
        draft.given = Set(reader.names.filter { !reader.isNull($0) })
        return draft
    }

    private static func name(_ reader: ObjectReader) -> String? {
        guard let name = reader.string("name", maxLength: 1024, allowEmpty: true) else { return nil }
        if !NameRules.isMachineName(name) { reader.problem("name", "is not a valid machine name", allowed: [NameRules.machine]) }
        return name
    }

    /// Choices that have one value so far: anything else is refused with that value, never taken without effect.
    private static func refuseLater(_ reader: ObjectReader, vcpus: Int64, memory: Int64) {
        func only(_ name: String, _ allowed: [JSONValue], _ shown: [String]) {
            guard let value = reader.value(name), value != .null, !allowed.contains(value) else { return }
            reader.problem(name, "is not available yet", allowed: shown)
        }
        only("vcpus_max", [.integer(vcpus)], ["null", "\(vcpus)"])
        if let most = reader.byteCount("memory_max", alias: "memory_max_bytes", in: 0...Int64.max), most != memory {
            reader.problem(
                reader.isPresent("memory_max") ? "memory_max" : "memory_max_bytes", "is not available yet", allowed: ["null", "\(memory)"])
        }
        only("firmware", ["bios"], ["bios"])
        only("secure_boot", [false], ["false"])
        only("tpm", [false], ["false"])
        // What an answer shows here is what the host chose: that is taken back, nothing else can be chosen yet.
        only("cpu", ["default", "host-model", "max"], ["null", "default"])
        if let machine = reader.value("machine"), machine != .null, machine.stringValue?.contains("q35") != true {
            reader.problem("machine", "is not available yet", allowed: ["null"])
        }
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

    private static func boot(_ reader: ObjectReader, _ defaults: MachineDefaults) -> Boot? {
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

    private static func nics(_ reader: ObjectReader, _ defaults: MachineDefaults) -> [NIC]? {
        guard let list = reader.objects("nics", max: 8) else { return nil }
        var macs: Set<String> = []
        return list.map { nic in
            nic.ignore("target", "addresses")
            let network = nic.string("network", maxLength: 256) ?? defaults.network
            let model = nic.choice("model", ["virtio"]) ?? "virtio"
            if nic.value("ip") != nil, !nic.isNull("ip") { nic.problem("ip", "is not available yet", allowed: ["null"]) }
            var mac = nic.string("mac", maxLength: 64)?.lowercased()
            if let given = mac {
                if !isUnicastMAC(given) {
                    nic.problem("mac", "is not a unicast MAC address", allowed: ["52:54:00:xx:xx:xx"])
                    mac = nil
                } else if !macs.insert(given).inserted {
                    nic.problem("mac", "is given twice")
                }
            }
            return NIC(network: network, mac: mac, model: model)
        }
    }

    private static func isUnicastMAC(_ text: String) -> Bool {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        let bytes = parts.compactMap { $0.utf8.count == 2 ? UInt8($0, radix: 16) : nil }
        guard parts.count == 6, bytes.count == 6, let first = bytes.first else { return false }
        return first & 1 == 0 && bytes.contains { $0 != 0 } && !text.contains("+")
    }
}
