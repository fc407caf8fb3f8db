/// One machine as its host shows it at one moment.
package struct MachineObservation: Sendable, Equatable {
    package var id: MachineID
    package var name: String
    package var state: RunState
    /// Why it is in that state, in the driver's words (`booted`, `shutdown`, `crashed`, `user` …).
    package var stateReason: String
    package var isPersistent: Bool
    package var autostart: Bool
    package var hardware: MachineHardware
    package var description: String
    package var metadata: MachineMetadata?
    /// When the running guest was started, milliseconds since 1970 UTC, where the host or our mark on the live machine tells.
    package var startedAtMilliseconds: Int64?
    /// Whether the guest agent's channel is open on the guest's side.
    package var agentConnected: Bool
    /// The hardware that the definition gives the next boot; nil while the machine is not active, or has no definition.
    package var nextBoot: MachineHardware?
    /// The memory that the definition gave the running guest at its start, where our mark tells: until its balloon has come to
    /// it the guest has more.
    package var memoryAtStartBytes: Int64?
    /// The definition could not be read: its hardware shows nothing, and may be anything.
    package var isUnreadable = false

    package init(
        id: MachineID, name: String, state: RunState, stateReason: String, isPersistent: Bool, autostart: Bool,
        hardware: MachineHardware, description: String = "", metadata: MachineMetadata? = nil,
        startedAtMilliseconds: Int64? = nil, agentConnected: Bool = false, nextBoot: MachineHardware? = nil
    ) {
        self.id = id
        self.name = name
        self.state = state
        self.stateReason = stateReason
        self.isPersistent = isPersistent
        self.autostart = autostart
        self.hardware = hardware
        self.description = description
        self.metadata = metadata
        self.startedAtMilliseconds = startedAtMilliseconds
        self.agentConnected = agentConnected
        self.nextBoot = nextBoot
    }

    /// Whether that installation of Gantry made this very machine.
    package func isManaged(by installation: String) -> Bool {
        guard let metadata else { return false }
        return metadata.installation == installation && (metadata.machine == nil || metadata.machine == id.text)
    }
}

/// The virtual hardware of a machine: live if it is active, else as defined.
package struct MachineHardware: Sendable, Equatable {
    package var accelerator: Accelerator
    package var vcpus: Int
    package var vcpusMax: Int
    package var memoryBytes: Int64
    package var memoryMaxBytes: Int64
    /// `host-model`, `host-passthrough`, a model name, or nil where the definition says nothing.
    package var cpu: String?
    package var machineType: String?
    package var firmware: Firmware
    package var hasTPM: Bool
    package var boot: DirectBoot?
    package var disks: [DiskObservation]
    package var nics: [NICObservation]
    /// Path of the file that keeps the output of the serial console.
    package var consoleLogPath: String?

    package init(
        accelerator: Accelerator, vcpus: Int, vcpusMax: Int, memoryBytes: Int64, memoryMaxBytes: Int64, cpu: String? = nil,
        machineType: String? = nil, firmware: Firmware = .bios, hasTPM: Bool = false, boot: DirectBoot? = nil,
        disks: [DiskObservation] = [],
        nics: [NICObservation] = [], consoleLogPath: String? = nil
    ) {
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
    }
}

/// A kernel that the hypervisor loads itself, by absolute paths on the host.
package struct DirectBoot: Sendable, Equatable {
    package var kernelPath: String
    package var initrdPath: String?
    package var cmdline: String
    package init(kernelPath: String, initrdPath: String?, cmdline: String) {
        self.kernelPath = kernelPath
        self.initrdPath = initrdPath
        self.cmdline = cmdline
    }
}

/// One disk of a machine.
package struct DiskObservation: Sendable, Equatable {
    /// The name the definition gives it: `vda`.
    package var target: String
    /// `disk`, `cdrom`, `floppy`, `lun`.
    package var device: String
    package var bus: String
    /// Path of the file or block device; nil for an empty drive, or where the definition names pool and volume.
    package var path: String?
    package var volume: VolumeReference?
    package var format: String?
    package var isReadOnly: Bool
    package var bootOrder: Int?
    package var serial: String?
    /// As the definition states it; nil where it says nothing.
    package var cache: String?
    /// Paths under the active layer, nearest first, as far as the definition says.
    package var backingPaths: [String]

    package init(
        target: String, device: String, bus: String, path: String?, volume: VolumeReference? = nil, format: String?,
        isReadOnly: Bool = false, bootOrder: Int? = nil, serial: String? = nil, cache: String? = nil, backingPaths: [String] = []
    ) {
        self.target = target
        self.device = device
        self.bus = bus
        self.path = path
        self.volume = volume
        self.format = format
        self.isReadOnly = isReadOnly
        self.bootOrder = bootOrder
        self.serial = serial
        self.cache = cache
        self.backingPaths = backingPaths
    }
}

/// One network card of a machine.
package struct NICObservation: Sendable, Equatable {
    /// Lower case with colons.
    package var mac: String
    /// Name of the libvirt network; nil for a card on a bare bridge or such.
    package var network: String?
    package var bridge: String?
    package var model: String?
    /// The device on the host's side (`vnet0`) while the machine is active.
    package var target: String?
    package var isLinkUp: Bool

    package init(
        mac: String, network: String?, bridge: String? = nil, model: String? = nil, target: String? = nil, isLinkUp: Bool = true
    ) {
        self.mac = mac
        self.network = network
        self.bridge = bridge
        self.model = model
        self.target = target
        self.isLinkUp = isLinkUp
    }
}
