package import Hypervisor

/// What a definition of a machine says, ours or a foreign one (without metadata).
package struct FakeDefinition: Sendable, Equatable {
    package var id: MachineID
    package var name: String
    package var hardware: MachineHardware
    package var description: String
    package var metadata: MachineMetadata?
    package var hasAgentChannel: Bool

    package init(
        id: MachineID, name: String,
        hardware: MachineHardware = MachineHardware(
            accelerator: .tcg, vcpus: 1, vcpusMax: 1, memoryBytes: 268_435_456, memoryMaxBytes: 268_435_456, machineType: "pc-q35-7.2"),
        description: String = "", metadata: MachineMetadata? = nil, hasAgentChannel: Bool = false
    ) {
        self.id = id
        self.name = name
        self.hardware = hardware
        self.description = description
        self.metadata = metadata
        self.hasAgentChannel = hasAgentChannel
    }

    /// What the driver makes of a machine of ours.
    init(_ spec: MachineSpec) {
        let disks = spec.disks.map(DiskObservation.init)
        let nics = spec.nics.map { NICObservation(mac: $0.mac.lowercased(), network: $0.network, model: $0.model, isLinkUp: $0.isLinkUp) }
        self.init(
            id: spec.id, name: spec.name,
            hardware: MachineHardware(
                accelerator: spec.accelerator, vcpus: spec.vcpus, vcpusMax: spec.vcpusMax, memoryBytes: spec.memoryBytes,
                memoryMaxBytes: spec.memoryMaxBytes, cpu: spec.cpu, machineType: spec.machineType ?? "pc-q35-7.2", firmware: spec.firmware,
                hasTPM: spec.hasTPM, boot: spec.boot,
                disks: disks, nics: nics, consoleLogPath: spec.consoleLogPath),
            description: spec.description, metadata: spec.metadata, hasAgentChannel: true)
    }
}
