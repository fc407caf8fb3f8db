/// What a host says of itself.
package struct HostFacts: Sendable, Equatable {
    /// The driver: `QEMU`, `TEST`, `LXC` … as libvirt names it.
    package var driver: String
    package var libvirtVersion: String
    package var hypervisorVersion: String
    package var hostname: String
    /// The host's own UUID, which tells two names of one host.
    package var uuid: String?
    package var cpus: Int
    package var memoryBytes: Int64
    package var memoryFreeBytes: Int64
    /// What the capabilities offer. Offered is not proven: see `HostConnection.bootProbe`.
    package var offeredAccelerators: [Accelerator]

    package init(
        driver: String, libvirtVersion: String, hypervisorVersion: String, hostname: String, uuid: String?, cpus: Int,
        memoryBytes: Int64, memoryFreeBytes: Int64, offeredAccelerators: [Accelerator]
    ) {
        self.driver = driver
        self.libvirtVersion = libvirtVersion
        self.hypervisorVersion = hypervisorVersion
        self.hostname = hostname
        self.uuid = uuid
        self.cpus = cpus
        self.memoryBytes = memoryBytes
        self.memoryFreeBytes = memoryFreeBytes
        self.offeredAccelerators = offeredAccelerators
    }
}
