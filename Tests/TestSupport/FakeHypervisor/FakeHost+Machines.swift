package import Hypervisor

extension FakeHost {
    package func machines() async throws(HypervisorError) -> [MachineObservation] {
        try await call(.machines) { state in state.machines.values.compactMap(\.observation).sorted { $0.id < $1.id } }
    }

    package func machine(_ id: MachineID) async throws(HypervisorError) -> MachineObservation? {
        try await call(.machine, id.text) { $0.machines[id]?.observation }
    }

    package func state(of id: MachineID) async throws(HypervisorError) -> StateObservation? {
        try await call(.state, id.text) { state in
            (state.machines[id]?.observation).map { StateObservation(state: $0.state, reason: $0.stateReason) }
        }
    }

    package func machineXML(_ id: MachineID, inactive: Bool) async throws(HypervisorError) -> String {
        try await call(.machineXML, id.text) { state throws(HypervisorError) in
            let machine = try state.machine(id)
            guard let definition = inactive ? machine.persistent ?? machine.live : machine.current else { throw FakeError.noMachine(id) }
            return definition.xml
        }
    }

    package func define(_ spec: MachineSpec) async throws(HypervisorError) {
        try await call(.define, spec.id.text) { state throws(HypervisorError) in try state.define(FakeDefinition(spec)) }
    }

    package func undefine(_ id: MachineID) async throws(HypervisorError) {
        try await call(.undefine, id.text) { state throws(HypervisorError) in try state.undefine(id) }
    }

    package func start(_ id: MachineID, paused: Bool) async throws(HypervisorError) {
        try await call(.start, id.text) { state throws(HypervisorError) in try state.start(id, paused: paused) }
    }

    package func destroy(_ id: MachineID) async throws(HypervisorError) {
        try await call(.destroy, id.text) { state throws(HypervisorError) in
            _ = try state.activeMachine(id)
            state.stop(id, reason: "destroyed")
        }
    }

    package func requestShutdown(_ id: MachineID) async throws(HypervisorError) {
        try await call(.requestShutdown, id.text) { state throws(HypervisorError) in try state.askShutdown(id) }
    }

    package func requestReboot(_ id: MachineID) async throws(HypervisorError) {
        try await call(.requestReboot, id.text) { state throws(HypervisorError) in try state.reboot(id, byForce: false) }
    }

    package func reset(_ id: MachineID) async throws(HypervisorError) {
        try await call(.reset, id.text) { state throws(HypervisorError) in try state.reboot(id, byForce: true) }
    }

    package func suspend(_ id: MachineID) async throws(HypervisorError) {
        try await call(.suspend, id.text) { state throws(HypervisorError) in try state.suspend(id) }
    }

    package func resume(_ id: MachineID) async throws(HypervisorError) {
        try await call(.resume, id.text) { state throws(HypervisorError) in try state.resume(id) }
    }

    package func change(_ id: MachineID, _ change: MachineChange) async throws(HypervisorError) {
        try await call(.change, id.text) { state throws(HypervisorError) in try state.change(id, change) }
    }

    package func markStarted(_ id: MachineID, atMilliseconds: Int64) async throws(HypervisorError) {
        try await call(.markStarted, id.text) { state throws(HypervisorError) in
            try state.markStarted(id, atMilliseconds: atMilliseconds)
        }
    }

    package func abortOperation(_ id: MachineID) async throws(HypervisorError) {
        try await call(.abortOperation, id.text) { state throws(HypervisorError) in try state.setOperation(id, nil) }
    }

    package func addresses(_ id: MachineID, source: GuestAddress.Source) async throws(HypervisorError) -> [GuestAddress] {
        try await call(.addresses, id.text) { state throws(HypervisorError) in try state.addresses(id, source: source) }
    }

    package func pingAgent(_ id: MachineID) async throws(HypervisorError) {
        try await call(.pingAgent, id.text) { state throws(HypervisorError) in try state.pingAgent(id) }
    }
}
