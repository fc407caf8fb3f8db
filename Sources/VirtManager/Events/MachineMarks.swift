internal import Hypervisor
internal import JSON

/// The fields of a machine by which a change is told, each as a number that stays the same over restarts of the daemon: FNV-1a.
struct MachineMarks: Sendable, Equatable {
    private(set) var fields: [String: UInt64] = [:]

    init(fields: [String: UInt64] = [:]) { self.fields = fields }

    /// Of the definition: what is live only comes and goes with each start. Hardware is left out where the host does not tell
    /// what the definition has.
    init(_ machine: MachineObservation) {
        set("description") { $0.add(machine.description) }
        set("autostart") { $0.add(machine.autostart) }
        set("labels") { mark in
            for (key, value) in (machine.metadata?.labels ?? [:]).sorted(by: { $0.key < $1.key }) {
                mark.add(key)
                mark.add(value)
            }
        }
        set("expires_at") { $0.add(machine.metadata?.expiresAtMilliseconds) }
        set("managed") { mark in
            mark.add(machine.metadata?.installation)
            mark.add(machine.metadata?.machine)
        }
        guard !machine.isUnreadable, let hardware = machine.state.isActive ? machine.nextBoot : machine.hardware else { return }
        add(hardware)
    }

    /// Of the live hardware alone.
    init(live hardware: MachineHardware) { add(hardware) }

    private mutating func add(_ hardware: MachineHardware) {
        set("vcpus") { $0.add(Int64(hardware.vcpus)) }
        set("vcpus_max") { $0.add(Int64(hardware.vcpusMax)) }
        set("memory_bytes") { $0.add(hardware.memoryBytes) }
        set("memory_max_bytes") { $0.add(hardware.memoryMaxBytes) }
        set("cpu") { $0.add(hardware.cpu) }
        set("machine") { $0.add(hardware.machineType) }
        set("accel") { $0.add(hardware.accelerator.rawValue) }
        set("firmware") { mark in
            mark.add(hardware.firmware.name)
            mark.add(hardware.firmware.isSecureBoot)
        }
        set("tpm") { $0.add(hardware.hasTPM) }
        set("boot") { mark in
            mark.add(hardware.boot?.kernelPath)
            mark.add(hardware.boot?.initrdPath)
            mark.add(hardware.boot?.cmdline)
        }
        set("disks") { mark in for disk in hardware.disks { mark.add(disk) } }
        set("nics") { mark in for nic in hardware.nics { mark.add(nic) } }
    }

    /// The names whose values differ; a field that only one side has tells nothing.
    func differences(from old: MachineMarks) -> Set<String> {
        Set(fields.keys.filter { name in old.fields[name] != nil && old.fields[name] != fields[name] })
    }

    /// These marks, with those of `old` where this side has none.
    func completed(by old: MachineMarks) -> MachineMarks {
        MachineMarks(fields: old.fields.merging(fields) { $1 })
    }

    private mutating func set(_ name: String, _ add: (inout Mark) -> Void) {
        var mark = Mark()
        add(&mark)
        fields[name] = mark.value
    }

    // MARK: As kept

    var json: JSONValue {
        .object(JSONObject(fields.sorted { $0.key < $1.key }.map { ($0.key, .integer(Int64(bitPattern: $0.value))) }))
    }

    init(json: JSONValue?) {
        for field in json?.objectValue?.fields ?? [] {
            fields[field.name] = field.value.integerValue.map { UInt64(bitPattern: $0) }
        }
    }
}

/// FNV-1a over the parts of a field.
private struct Mark {
    private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    private mutating func add(byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }

    mutating func add(_ text: String?) {
        guard let text else { return add(byte: 0xff) }
        for byte in text.utf8 { add(byte: byte) }
        add(byte: 0)
    }

    mutating func add(_ number: Int64?) {
        guard let number else { return add(byte: 0xff) }
        for shift in stride(from: 0, to: 64, by: 8) { add(byte: UInt8(truncatingIfNeeded: number >> Int64(shift))) }
    }

    mutating func add(_ flag: Bool) { add(byte: flag ? 1 : 0) }

    mutating func add(_ disk: DiskObservation) {
        add(disk.target)
        add(disk.device)
        add(disk.bus)
        add(disk.path)
        add(disk.volume?.description)
        add(disk.format)
        add(disk.isReadOnly)
        add(disk.bootOrder.map(Int64.init))
        add(disk.serial)
        add(disk.cache)
    }

    /// Not its device on the host's side, which changes with each start.
    mutating func add(_ nic: NICObservation) {
        add(nic.mac)
        add(nic.network)
        add(nic.bridge)
        add(nic.model)
        add(nic.isLinkUp)
    }
}
