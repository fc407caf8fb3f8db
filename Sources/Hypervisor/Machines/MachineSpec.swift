/// A machine as it shall be defined: every choice made, every path known.
///
/// The driver adds what every machine of ours has: spare PCIe root ports, serial console kept in `consoleLogPath`,
/// guest-agent channel, RNG, balloon; no sound, no tablet.
package struct MachineSpec: Sendable, Equatable {
    package var id: MachineID
    package var name: String
    package var accelerator: Accelerator
    package var vcpus: Int
    package var vcpusMax: Int
    package var memoryBytes: Int64
    package var memoryMaxBytes: Int64
    /// `host-model`, `host-passthrough`, `max`, or a model name; nil leaves it to the hypervisor.
    package var cpu: String?
    /// nil is the driver's default (q35 on QEMU).
    package var machineType: String?
    package var firmware: Firmware
    /// An emulated TPM 2.0.
    package var hasTPM: Bool
    package var boot: DirectBoot?
    package var disks: [DiskSpec]
    package var nics: [NICSpec]
    package var consoleLogPath: String?
    package var description: String
    package var metadata: MachineMetadata

    package init(
        id: MachineID, name: String, accelerator: Accelerator, vcpus: Int, vcpusMax: Int, memoryBytes: Int64, memoryMaxBytes: Int64,
        cpu: String?, machineType: String?, firmware: Firmware = .bios, hasTPM: Bool = false, boot: DirectBoot?, disks: [DiskSpec],
        nics: [NICSpec], consoleLogPath: String?, description: String, metadata: MachineMetadata
    ) {
        self.id = id
        self.name = name
        self.accelerator = accelerator
        self.vcpus = vcpus
        self.vcpusMax = vcpusMax
        self.memoryBytes = memoryBytes
        self.memoryMaxBytes = memoryMaxBytes
        self.cpu = cpu
        self.machineType = machineType
        self.firmware = firmware
        self.hasTPM = hasTPM
        self.boot = boot
        self.disks = disks
        self.nics = nics
        self.consoleLogPath = consoleLogPath
        self.description = description
        self.metadata = metadata
    }
}
