/// One change to the hardware of a machine that is there.
///
/// In the definition it takes effect at the next boot, and whatever else stands there stays, elements that are unknown to
/// us too. In the running machine it takes effect now, as far as the hypervisor and the guest take part.
package enum MachineEdit: Sendable, Equatable {
    case addDisk(DiskSpec)
    case removeDisk(target: String)
    /// Puts another file behind a disk, or a medium into a drive; nil ejects.
    case setSource(target: String, DiskSpec.Source?)
    /// Definition only. All three are written as given; nil takes the element away.
    case setDiskOptions(target: String, cache: DiskSpec.Cache?, serial: String?, bootOrder: Int?)
    case addNIC(NICSpec)
    case removeNIC(mac: String)
    /// nil leaves a part as it is.
    case setNIC(mac: String, network: String?, isLinkUp: Bool?)
    case setVCPUs(Int)
    /// Definition only.
    case setVCPUsMax(Int)
    /// What the guest has now: the balloon takes the rest up to the ceiling.
    case setMemory(Int64)
    /// Definition only.
    case setMemoryMax(Int64)
    /// Definition only; as `MachineSpec.cpu`.
    case setCPU(String?)
    /// Definition only.
    case setMachineType(String)
    /// Definition only: the domain's type.
    case setAccelerator(Accelerator)
    /// Definition only; nil boots from disks again.
    case setBoot(DirectBoot?)
}
