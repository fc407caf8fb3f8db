package import Hypervisor

extension LibvirtConnection {
    package func capabilities() async throws(HypervisorError) -> HostCapabilities { throw Self.unfinished("capabilities") }
    package func resizeDisk(_ id: MachineID, target: String, toBytes: Int64) async throws(HypervisorError) {
        throw Self.unfinished("resizeDisk")
    }
    package func startBlockCopy(
        _ id: MachineID, target: String, to destination: DiskSpec.Source, bytesPerSecond: Int64?
    ) async throws(HypervisorError) { throw Self.unfinished("startBlockCopy") }
    package func blockJob(_ id: MachineID, target: String) async throws(HypervisorError) -> BlockJobObservation? {
        throw Self.unfinished("blockJob")
    }
    package func pivotBlockCopy(_ id: MachineID, target: String) async throws(HypervisorError) { throw Self.unfinished("pivotBlockCopy") }
    package func abortBlockJob(_ id: MachineID, target: String) async throws(HypervisorError) { throw Self.unfinished("abortBlockJob") }
    package func startHelper(_ spec: HelperSpec) async throws(HypervisorError) { throw Self.unfinished("startHelper") }
    package func definePool(_ spec: PoolSpec) async throws(HypervisorError) { throw Self.unfinished("definePool") }
    package func startPool(_ name: String) async throws(HypervisorError) { throw Self.unfinished("startPool") }
    package func stopPool(_ name: String) async throws(HypervisorError) { throw Self.unfinished("stopPool") }
    package func undefinePool(_ name: String) async throws(HypervisorError) { throw Self.unfinished("undefinePool") }
    package func setPoolAutostart(_ name: String, _ isOn: Bool) async throws(HypervisorError) { throw Self.unfinished("setPoolAutostart") }
    package func resizeVolume(_ reference: VolumeReference, toBytes: Int64) async throws(HypervisorError) {
        throw Self.unfinished("resizeVolume")
    }
    package func defineNetwork(_ spec: NetworkSpec) async throws(HypervisorError) { throw Self.unfinished("defineNetwork") }
    package func startNetwork(_ name: String) async throws(HypervisorError) { throw Self.unfinished("startNetwork") }
    package func stopNetwork(_ name: String) async throws(HypervisorError) { throw Self.unfinished("stopNetwork") }
    package func undefineNetwork(_ name: String) async throws(HypervisorError) { throw Self.unfinished("undefineNetwork") }
    package func setNetworkAutostart(_ name: String, _ isOn: Bool) async throws(HypervisorError) {
        throw Self.unfinished("setNetworkAutostart")
    }
    package func reserve(_ reservation: DHCPReservation, on network: String) async throws(HypervisorError) {
        throw Self.unfinished("reserve")
    }
    package func release(mac: String, on network: String) async throws(HypervisorError) { throw Self.unfinished("release") }
    static func unfinished(_ name: String) -> HypervisorError { HypervisorError(.unsupported, "not there yet", function: name) }
}
