package import Hypervisor

extension LibvirtConnection {
    package func edit(_ id: MachineID, _ edits: [MachineEdit]) async throws(HypervisorError) { throw Self.unfinished("edit") }
    package func editLive(_ id: MachineID, _ edit: MachineEdit) async throws(HypervisorError) { throw Self.unfinished("editLive") }
    package func rename(_ id: MachineID, to name: String) async throws(HypervisorError) { throw Self.unfinished("rename") }
}
