package import Hypervisor
internal import JSON

/// A field of a machine that says what hardware it has, by its name in the API, in the order of answers.
package enum HardwareField: String, Sendable, CaseIterable {
    case vcpus
    case vcpusMax = "vcpus_max"
    case memory = "memory_bytes"
    case memoryMax = "memory_max_bytes"
    case cpu, machine, accel, firmware
    case secureBoot = "secure_boot"
    case tpm, boot, disks, nics
}

/// A machine's hardware with its files resolved to volumes: as it is, or as the next boot will have it.
package struct HardwareForm: Sendable {
    package let hardware: MachineHardware
    package let disks: [MachineView.Disk]
    package let bootKernel: VolumeReference?
    package let bootInitrd: VolumeReference?

    /// The fields in which the next boot will have something else. What only a running machine has does not count: its host's
    /// devices, and what is found out about files. `memoryAtStart`: a balloon on its way there, or one that the guest does not
    /// have, is nothing that a boot would change.
    package func differences(from now: HardwareForm, memoryAtStart: Int64? = nil) -> [HardwareField] {
        HardwareField.allCases.filter { field in
            switch field {
            case .vcpus: hardware.vcpus != now.hardware.vcpus
            case .vcpusMax: hardware.vcpusMax != now.hardware.vcpusMax
            case .memory:
                Self.differ(hardware.memoryBytes, now.hardware.memoryBytes)
                    && (hardware.memoryBytes != memoryAtStart || hardware.memoryBytes > now.hardware.memoryBytes)
            case .memoryMax: Self.differ(hardware.memoryMaxBytes, now.hardware.memoryMaxBytes)
            case .cpu: hardware.cpu != now.hardware.cpu
            case .machine: hardware.machineType != now.hardware.machineType
            case .accel: hardware.accelerator != now.hardware.accelerator
            case .firmware: hardware.firmware.name != now.hardware.firmware.name
            case .secureBoot: hardware.firmware.isSecureBoot != now.hardware.firmware.isSecureBoot
            case .tpm: hardware.hasTPM != now.hardware.hasTPM
            case .boot: hardware.boot != now.hardware.boot
            case .disks: Self.differ(hardware.disks.map(Self.plain), now.hardware.disks.map(Self.plain), by: \.target)
            case .nics: Self.differ(hardware.nics.map(Self.plain), now.hardware.nics.map(Self.plain), by: \.mac)
            }
        }
    }

    /// A guest runs with whole MiB, whatever its definition says: what is only rounded up at the start waits for nothing.
    private static func differ(_ next: Int64, _ now: Int64) -> Bool {
        func whole(_ bytes: Int64) -> Int64 { (bytes >> 20) + (bytes & ((1 << 20) - 1) == 0 ? 0 : 1) }
        return whole(next) != whole(now)
    }

    private static func plain(_ disk: DiskObservation) -> DiskObservation {
        var plain = disk
        plain.format = nil
        plain.backingPaths = []
        return plain
    }

    private static func plain(_ nic: NICObservation) -> NICObservation {
        var plain = nic
        plain.target = nil
        // Of a card on a network it is that network's.
        if nic.network != nil { plain.bridge = nil }
        return plain
    }

    /// Order does not count: hypervisors list what was plugged in where they like.
    private static func differ<Device: Equatable>(_ next: [Device], _ now: [Device], by name: (Device) -> String) -> Bool {
        next.sorted { name($0) < name($1) } != now.sorted { name($0) < name($1) }
    }

    // MARK: On the wire

    func write(_ field: HardwareField, of machine: MachineView, to writer: inout JSONWriter) {
        let name = field.rawValue
        switch field {
        case .vcpus: writer.field(name, hardware.vcpus)
        case .vcpusMax: writer.field(name, hardware.vcpusMax)
        case .memory: writer.field(name, hardware.memoryBytes)
        case .memoryMax: writer.field(name, hardware.memoryMaxBytes)
        case .cpu: writer.field(name, hardware.cpu ?? "default")
        case .machine: writer.field(name, hardware.machineType)
        case .accel: writer.field(name, hardware.accelerator.rawValue)
        case .firmware: writer.field(name, hardware.firmware.name)
        case .secureBoot: writer.field(name, hardware.firmware.isSecureBoot)
        case .tpm: writer.field(name, hardware.hasTPM)
        case .boot: writer.field(name) { writeBoot(to: &$0) }
        case .disks: writer.field(name) { writer in writer.array { writer in for disk in disks { Self.write(disk, to: &writer) } } }
        case .nics:
            writer.field(name) { writer in writer.array { writer in for nic in hardware.nics { Self.write(nic, of: machine, to: &writer) } }
            }
        }
    }

    private func writeBoot(to writer: inout JSONWriter) {
        guard let boot = hardware.boot else { return writer.null() }
        writer.object { writer in
            if let bootKernel { writer.field("kernel", bootKernel.json) } else { writer.nullField("kernel") }
            if let bootInitrd { writer.field("initrd", bootInitrd.json) } else { writer.nullField("initrd") }
            writer.field("cmdline", boot.cmdline)
        }
    }

    private static func write(_ disk: MachineView.Disk, to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("target", disk.observation.target)
            writer.field("device", disk.observation.device)
            writer.field("bus", disk.observation.bus)
            writer.field("pool", disk.volume?.pool)
            writer.field("volume", disk.volume?.volume)
            writer.field("format", disk.observation.format)
            writer.field("capacity_bytes", disk.capacityBytes)
            if let backing = disk.backing { writer.field("backing", backing.json) } else { writer.nullField("backing") }
            writer.field("boot_order", disk.observation.bootOrder)
            writer.field("read_only", disk.observation.isReadOnly)
            writer.field("serial", disk.observation.serial)
            writer.field("cache", disk.observation.cache)
            writer.field("owned", disk.isOwned)
        }
    }

    private static func write(_ nic: NICObservation, of machine: MachineView, to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("mac", nic.mac)
            writer.field("network", nic.network)
            writer.field("model", nic.model)
            writer.field("target", nic.target)
            writer.field("link", nic.isLinkUp ? "up" : "down")
            writer.field("ip", machine.reservedAddress(of: nic))
            writer.field("addresses") { writer in
                writer.array { writer in
                    for address in machine.addresses where address.address.mac == nic.mac { writer.value(address) }
                }
            }
        }
    }
}
