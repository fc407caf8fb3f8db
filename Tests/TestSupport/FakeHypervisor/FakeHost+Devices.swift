package import Hypervisor

extension FakeHost {
    package func capabilities() async throws(HypervisorError) -> HostCapabilities { try await call(.capabilities) { $0.capabilities } }

    package func edit(_ id: MachineID, _ edits: [MachineEdit]) async throws(HypervisorError) {
        try await call(.edit, id.text) { state throws(HypervisorError) in try state.edit(id, edits) }
    }

    package func editLive(_ id: MachineID, _ edit: MachineEdit) async throws(HypervisorError) {
        try await call(.editLive, id.text) { state throws(HypervisorError) in try state.editLive(id, edit) }
    }

    package func rename(_ id: MachineID, to name: String) async throws(HypervisorError) {
        try await call(.rename, id.text) { state throws(HypervisorError) in try state.rename(id, to: name) }
    }

    package func save(_ id: MachineID) async throws(HypervisorError) {
        try await call(.save, id.text) { state throws(HypervisorError) in try state.save(id) }
    }

    package func discardSaved(_ id: MachineID) async throws(HypervisorError) {
        try await call(.discardSaved, id.text) { state throws(HypervisorError) in try state.discardSaved(id) }
    }

    package func resizeDisk(_ id: MachineID, target: String, toBytes: Int64) async throws(HypervisorError) {
        try await call(.resizeDisk, id.text) { state throws(HypervisorError) in try state.resizeDisk(id, target, toBytes) }
    }

    package func resizeVolume(_ reference: VolumeReference, toBytes: Int64) async throws(HypervisorError) {
        try await call(.resizeVolume, reference.description) { state throws(HypervisorError) in try state.resizeVolume(reference, toBytes) }
    }

    package func startBlockCopy(
        _ id: MachineID, target: String, to destination: DiskSpec.Source, bytesPerSecond: Int64?
    ) async throws(HypervisorError) {
        try await call(.startBlockCopy, id.text) { state throws(HypervisorError) in try state.startBlockCopy(id, target, destination) }
    }

    package func blockJob(_ id: MachineID, target: String) async throws(HypervisorError) -> BlockJobObservation? {
        try await call(.blockJob, id.text) { state throws(HypervisorError) in
            try state.activeMachine(id).blockJobs[target]?.observation
        }
    }

    package func pivotBlockCopy(_ id: MachineID, target: String) async throws(HypervisorError) {
        try await call(.pivotBlockCopy, id.text) { state throws(HypervisorError) in try state.pivot(id, target) }
    }

    package func abortBlockJob(_ id: MachineID, target: String) async throws(HypervisorError) {
        try await call(.abortBlockJob, id.text) { state throws(HypervisorError) in try state.abortBlockJob(id, target) }
    }

    package func startHelper(_ spec: HelperSpec) async throws(HypervisorError) {
        try await call(.startHelper, spec.name) { state throws(HypervisorError) in
            try state.require(.helperMachines)
            let accelerator = state.facts.offeredAccelerators.first { $0 == .tcg } ?? .native
            let hardware = MachineHardware(
                accelerator: accelerator, vcpus: 1, vcpusMax: 1, memoryBytes: 16 << 20, memoryMaxBytes: 16 << 20,
                machineType: "pc-q35-7.2", disks: spec.disks.map(DiskObservation.init))
            try state.createTransient(
                FakeDefinition(id: spec.id, name: spec.name, hardware: hardware, metadata: spec.metadata), paused: true)
        }
    }
}
