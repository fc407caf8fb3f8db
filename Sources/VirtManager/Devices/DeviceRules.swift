internal import Hypervisor
internal import JSON

/// Which machines may be edited at all.
enum DeviceRules {
    /// Why the hardware of a machine is not to be touched; nil if it may.
    static func refusal(_ machine: MachineObservation, isManaged: Bool) -> ServiceError? {
        guard isManaged else {
            return ServiceError(
                "vm.unmanaged", .state, "VM '\(machine.name)' was made by another tool: its hardware is left alone",
                hints: ["POST \(MachineView.path(machine.id))/adopt takes it over"])
        }
        if machine.isUnreadable {
            return ServiceError(
                "vm.unreadable", .state, "the definition of VM '\(machine.name)' could not be read: nothing in it is changed blindly")
        }
        guard machine.isPersistent else {
            return ServiceError(
                "vm.transient", .state, "VM '\(machine.name)' has no definition that could be changed: it is gone once it is off")
        }
        guard machine.state != .saved else {
            let start = "POST \(MachineView.path(machine.id))/start"
            return ServiceError(
                "vm.saved", .state, "VM '\(machine.name)' is saved: its memory fits the hardware it was saved with only",
                hints: ["\(start) restores it; then change it", "\(start) {\"restore\": false} forgets the saved memory and boots"],
                details: JSONObject([("state", "saved")]))
        }
        return nil
    }

    static func gone(_ machine: MachineID, _ host: HostName) -> ServiceError {
        ServiceError("vm.not_found", .notFound, "the machine \(machine) is not on host '\(host)' any more")
    }
}
