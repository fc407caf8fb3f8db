/// Something that not every hypervisor can do. The name is that of the API's capabilities.
package struct HostFeature: RawRepresentable, Hashable, Comparable, Sendable {
    package let rawValue: String
    package init(rawValue: String) { self.rawValue = rawValue }
    package static func < (left: HostFeature, right: HostFeature) -> Bool { left.rawValue < right.rawValue }

    package static let uefi = HostFeature(rawValue: "firmware.uefi")
    package static let secureBoot = HostFeature(rawValue: "firmware.secure_boot")
    package static let tpm = HostFeature(rawValue: "tpm")
    package static let cdrom = HostFeature(rawValue: "disk.cdrom")
    package static let hotplugDisk = HostFeature(rawValue: "disk.hotplug")
    package static let hotplugNIC = HostFeature(rawValue: "nic.hotplug")
    package static let setLink = HostFeature(rawValue: "nic.link")
    package static let growVCPUs = HostFeature(rawValue: "vcpus.hotplug")
    package static let setMemory = HostFeature(rawValue: "memory.balloon")
    package static let editDefinition = HostFeature(rawValue: "definition.edit")
    package static let rename = HostFeature(rawValue: "vm.rename")
    package static let managedSave = HostFeature(rawValue: "vm.save")
    package static let resizeVolume = HostFeature(rawValue: "volume.resize")
    package static let resizeDisk = HostFeature(rawValue: "disk.resize")
    package static let transferVolumes = HostFeature(rawValue: "volume.content")
    package static let blockCopy = HostFeature(rawValue: "disk.move")
    package static let helperMachines = HostFeature(rawValue: "disk.move_stopped")
    package static let consoleLog = HostFeature(rawValue: "console.log")
    package static let screenshot = HostFeature(rawValue: "screenshot")
    package static let statistics = HostFeature(rawValue: "stats")
    package static let agent = HostFeature(rawValue: "agent")
    package static let exec = HostFeature(rawValue: "agent.exec")
    package static let setTime = HostFeature(rawValue: "agent.set_time")
    package static let defineNetworks = HostFeature(rawValue: "network.define")
    package static let reservations = HostFeature(rawValue: "network.reservations")
    package static let leases = HostFeature(rawValue: "network.leases")
    package static let definePools = HostFeature(rawValue: "pool.define")

    package static let all: [HostFeature] = [
        .uefi, .secureBoot, .tpm, .cdrom, .hotplugDisk, .hotplugNIC, .setLink, .growVCPUs, .setMemory, .editDefinition, .rename,
        .managedSave, .resizeVolume, .resizeDisk, .transferVolumes, .blockCopy, .helperMachines, .consoleLog, .screenshot, .statistics,
        .agent, .exec, .setTime, .defineNetworks, .reservations, .leases, .definePools,
    ]
}

/// What a hypervisor can do, as its host was asked: never a guess from its name alone where there is a question to ask.
package struct HostCapabilities: Sendable, Equatable {
    /// Why a feature is not there; a feature that is missing here is there.
    package var lacking: [HostFeature: String]
    package var architecture: String?
    /// Machine types of the host's own architecture, the default first; aliases such as `q35` among them.
    package var machineTypes: [String]
    /// CPU models that can be named.
    package var cpuModels: [String]
    /// `default`, `host-model`, `host-passthrough`, `max` as far as they work.
    package var cpuModes: [String]
    package var diskBuses: [DiskSpec.Bus]
    /// Kinds of pools that the installed driver can serve.
    package var poolTypes: [String]
    package var vcpusMax: Int?

    package init(
        lacking: [HostFeature: String] = [:], architecture: String? = nil, machineTypes: [String] = [], cpuModels: [String] = [],
        cpuModes: [String] = [], diskBuses: [DiskSpec.Bus] = [], poolTypes: [String] = [], vcpusMax: Int? = nil
    ) {
        self.lacking = lacking
        self.architecture = architecture
        self.machineTypes = machineTypes
        self.cpuModels = cpuModels
        self.cpuModes = cpuModes
        self.diskBuses = diskBuses
        self.poolTypes = poolTypes
        self.vcpusMax = vcpusMax
    }

    package func can(_ feature: HostFeature) -> Bool { lacking[feature] == nil }
}
