package import Hypervisor

extension HostCapabilities {
    /// A host that can do everything.
    package static let fake = HostCapabilities(
        architecture: "x86_64", machineTypes: ["pc-q35-7.2", "q35", "pc-i440fx-7.2", "pc"],
        cpuModels: ["qemu64", "Skylake-Client", "EPYC"], cpuModes: ["default", "host-model", "host-passthrough", "max"],
        diskBuses: DiskSpec.Bus.allCases, poolTypes: ["dir", "fs", "netfs", "logical", "iscsi"], vcpusMax: 288)
}
