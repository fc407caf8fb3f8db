internal import Hypervisor
internal import JSON

/// What changes of a machine are refused for.
enum MachineUpdateRules {
    /// Whether a running machine may be given so many processors. Firmware with secure boot handles a new one in system
    /// management mode, in which QEMU's own emulation (7.2) leaves the guest for good.
    static func takesProcessors(_ count: Int, _ running: MachineHardware) -> Bool {
        let hangs = count > running.vcpus && running.firmware.isSecureBoot && running.accelerator == .tcg
        return count <= running.vcpusMax && !hangs
    }

    static func active(_ machine: MachineObservation) -> ServiceError {
        ServiceError(
            "vm.wrong_state", .state, "VM '\(machine.name)' is \(machine.state.rawValue): only one that is stopped gets another name",
            hints: ["POST \(MachineView.path(machine.id))/shutdown first"],
            details: JSONObject([("state", .string(machine.state.rawValue))]))
    }

    static func taken(_ name: String, by other: MachineView) -> ServiceError {
        ServiceError(
            "vm.exists", .conflict, "a VM '\(name)' is on host '\(other.host)' already", hints: ["choose another name"],
            details: JSONObject([("vm", .string(other.path))]))
    }
}
