/// The port's part for changing the hardware of machines that are there. `machineNotFound` where there is none.
package protocol HostDevices {
    /// Changes the definition in place, all edits or none: what waits for the next boot. Elements unknown to us stay.
    /// `invalidArgument` for an edit of a device that the definition lacks, or to what it has already.
    func edit(_ id: MachineID, _ edits: [MachineEdit]) async throws(HypervisorError)
    /// Changes the running machine, and nothing else. Taking a device away only asks the guest: it is gone when an
    /// observation no longer shows it. `invalidState` if the machine is not active, `invalidArgument` as above,
    /// `operationFailed` where the guest or the hypervisor does not take it now.
    func editLive(_ id: MachineID, _ edit: MachineEdit) async throws(HypervisorError)
    /// `invalidState` if it is active; `alreadyExists` if the name is taken.
    func rename(_ id: MachineID, to name: String) async throws(HypervisorError)
}
