internal import Hypervisor

/// What libvirt's drivers lack where libvirt has no question to ask. Proven by the conformance cases, which fail when a
/// driver does what stands here, or does not do what is missing here.
enum DriverFeatures {
    /// Features that the driver of that name lacks, and why.
    static func lacking(_ driver: String) -> [HostFeature: String] {
        switch driver {
        case "QEMU": [:]
        case "TEST": reasons(testDriver, "libvirt's test driver has none of it")
        default: reasons(unproven, "not known to work with libvirt's \(driver) driver")
        }
    }

    private static func reasons(_ features: [HostFeature], _ reason: String) -> [HostFeature: String] {
        Dictionary(uniqueKeysWithValues: features.map { ($0, reason) })
    }

    /// Its machines are names and numbers in memory: nothing is plugged into them and nothing runs in them.
    private static let testDriver: [HostFeature] = [
        .uefi, .secureBoot, .hotplugDisk, .hotplugNIC, .setLink, .resizeVolume, .resizeDisk, .transferVolumes, .blockCopy,
        .helperMachines, .consoleLog, .agent, .exec, .leases,
    ]

    /// Of drivers that nobody has tried.
    private static let unproven: [HostFeature] = [
        .uefi, .secureBoot, .tpm, .cdrom, .hotplugDisk, .hotplugNIC, .setLink, .growVCPUs, .setMemory, .editDefinition, .rename,
        .managedSave,
        .resizeDisk, .blockCopy, .helperMachines, .consoleLog, .screenshot, .agent, .exec, .setTime,
    ]

    /// Of the parts of libvirt that look after networks and storage, for every driver on the same daemon.
    static let network: [HostFeature] = [.defineNetworks, .reservations, .leases]
    static let storage: [HostFeature] = [.definePools, .resizeVolume, .transferVolumes]
}
