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
    package var boot: DirectBoot?
    package var disks: [DiskSpec]
    package var nics: [NICSpec]
    package var consoleLogPath: String?
    package var description: String
    package var metadata: MachineMetadata

    package init(
        id: MachineID, name: String, accelerator: Accelerator, vcpus: Int, vcpusMax: Int, memoryBytes: Int64, memoryMaxBytes: Int64,
        cpu: String?, machineType: String?, boot: DirectBoot?, disks: [DiskSpec], nics: [NICSpec], consoleLogPath: String?,
        description: String, metadata: MachineMetadata
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
        self.boot = boot
        self.disks = disks
        self.nics = nics
        self.consoleLogPath = consoleLogPath
        self.description = description
        self.metadata = metadata
    }
}

/// One disk of a machine to be defined: the file, its format as stated, and the whole chain under it.
package struct DiskSpec: Sendable, Equatable {
    /// A layer under the active one.
    package struct Layer: Sendable, Equatable {
        package var path: String
        package var format: String
        package init(path: String, format: String) {
            self.path = path
            self.format = format
        }
    }
    package var target: String
    package var bus: String
    package var path: String
    package var format: String
    package var isReadOnly: Bool
    package var serial: String?
    package var bootOrder: Int?
    /// Nearest first; written out and terminated, so that nothing is probed.
    package var backing: [Layer]

    package init(
        target: String, bus: String, path: String, format: String, isReadOnly: Bool = false, serial: String? = nil,
        bootOrder: Int? = nil, backing: [Layer] = []
    ) {
        self.target = target
        self.bus = bus
        self.path = path
        self.format = format
        self.isReadOnly = isReadOnly
        self.serial = serial
        self.bootOrder = bootOrder
        self.backing = backing
    }
}

/// One network card of a machine to be defined.
package struct NICSpec: Sendable, Equatable {
    package var mac: String
    package var network: String
    package var model: String
    package init(mac: String, network: String, model: String) {
        self.mac = mac
        self.network = network
        self.model = model
    }
}
