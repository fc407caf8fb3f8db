internal import Hypervisor
internal import JSON

/// Which machines may be adopted.
struct AdoptionRules {
    let fleet: Fleet
    let installation: String

    /// Why this machine cannot become ours under that name; nil if it can.
    func refusal(_ machine: MachineObservation, host: HostName, name: String) -> ServiceError? {
        if machine.isManaged(by: installation) {
            return ServiceError("vm.managed", .conflict, "VM '\(machine.name)' is managed already")
        }
        // The mark of a machine that was copied by hand names the machine it was written for, and counts for nothing.
        if let metadata = machine.metadata, metadata.installation != installation, metadata.machine ?? machine.id.text == machine.id.text {
            return ServiceError(
                "vm.other_installation", .conflict,
                "VM '\(machine.name)' belongs to the installation \(metadata.installation) of Gantry",
                hints: [
                    "if that was this daemon before its state was lost, write that id into the file identity of state_directory and restart"
                ])
        }
        guard machine.isPersistent else {
            return ServiceError(
                "vm.transient", .state, "VM '\(machine.name)' has no definition and would be gone once it is off",
                hints: ["define it first: virsh dumpxml, virsh define"])
        }
        return refusal(name: name, of: machine, host)
    }

    private func refusal(name: String, of machine: MachineObservation, _ host: HostName) -> ServiceError? {
        guard NameRules.isMachineName(name) else {
            return ServiceError(
                "vm.bad_name", .conflict, "the name '\(machine.name)' is not one that managed machines may have (\(NameRules.machine))",
                hints: ["give a name in the body while it is stopped: {\"name\": \"…\"}"])
        }
        if name != machine.name, machine.state.isActive || machine.state == .saved {
            return ServiceError(
                "vm.wrong_state", .state, "VM '\(machine.name)' is \(machine.state.rawValue): it can only be renamed when it is stopped",
                hints: ["stop it, or adopt it under the name it has"], details: JSONObject([("state", .string(machine.state.rawValue))]))
        }
        let others = fleet.machines(name: name).filter { $0.id != machine.id || $0.host != host }
        guard let other = others.first(where: { $0.isManaged || name != machine.name && $0.host == host }) else { return nil }
        return ServiceError(
            "vm.exists", .conflict, "a VM '\(name)' is on host '\(other.host)' already; names of managed machines are unique",
            hints: ["give another name in the body while it is stopped"], details: JSONObject([("vm", .string(other.path))]))
    }
}
