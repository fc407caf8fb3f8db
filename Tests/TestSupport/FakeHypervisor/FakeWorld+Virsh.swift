package import Hypervisor

/// What others do to the host behind the daemon's back: with `virsh`, in the guest, on its disks.
extension FakeWorld {
    // MARK: virsh

    package func virshStart(_ id: MachineID, paused: Bool = false) throws(HypervisorError) {
        try withState { state throws(HypervisorError) in try state.start(id, paused: paused) }
    }

    package func virshDestroy(_ id: MachineID) throws(HypervisorError) {
        try withState { state throws(HypervisorError) in
            _ = try state.activeMachine(id)
            state.stop(id, reason: "destroyed")
        }
    }

    package func virshSuspend(_ id: MachineID) throws(HypervisorError) {
        try withState { state throws(HypervisorError) in try state.suspend(id) }
    }

    package func virshResume(_ id: MachineID) throws(HypervisorError) {
        try withState { state throws(HypervisorError) in try state.resume(id) }
    }

    package func virshUndefine(_ id: MachineID) throws(HypervisorError) {
        try withState { state throws(HypervisorError) in try state.undefine(id) }
    }

    /// Defines a machine that is not ours, or overwrites one that is.
    package func virshDefine(_ definition: FakeDefinition) throws(HypervisorError) {
        try withState { state throws(HypervisorError) in try state.define(definition) }
    }

    /// Starts a machine that has no definition on disk.
    package func virshCreate(_ definition: FakeDefinition, paused: Bool = false) throws(HypervisorError) {
        try withState { state throws(HypervisorError) in try state.createTransient(definition, paused: paused) }
    }

    package func virshChange(_ id: MachineID, _ change: MachineChange) throws(HypervisorError) {
        try withState { state throws(HypervisorError) in try state.change(id, change) }
    }

    /// Saves an active machine's memory and stops it; its next start resumes it.
    package func virshManagedSave(_ id: MachineID) throws(HypervisorError) {
        try withState { state throws(HypervisorError) in
            guard try state.activeMachine(id).persistent != nil else {
                throw FakeError.invalidState("cannot do managed save for transient domain")
            }
            state.machines[id]?.hasManagedSave = true
            state.stop(id, reason: "saved")
        }
    }

    package func virshReserve(_ reservation: DHCPReservation, on network: String) throws(HypervisorError) {
        try withState { state throws(HypervisorError) in try state.reserve(reservation, on: network) }
    }

    package func virshRelease(_ mac: String, on network: String) throws(HypervisorError) {
        try withState { state throws(HypervisorError) in try state.release(mac: mac, on: network) }
    }

    /// Has the driver work on the machine (`migration out`), so that changes to it are `busy` until that ends.
    package func virshBegin(_ operation: String, on id: MachineID) throws(HypervisorError) {
        try withState { state throws(HypervisorError) in try state.setOperation(id, operation) }
    }

    package func virshEndOperation(_ id: MachineID) throws(HypervisorError) {
        try withState { state throws(HypervisorError) in try state.setOperation(id, nil) }
    }

    package func virshCreateVolume(_ spec: VolumeSpec) throws(HypervisorError) {
        try withState { state throws(HypervisorError) in try state.createVolume(spec) }
    }

    package func virshDeleteVolume(_ reference: VolumeReference) throws(HypervisorError) {
        try withState { state throws(HypervisorError) in try state.deleteVolume(reference) }
    }

    package func virshSetPool(_ name: String, isActive: Bool) {
        withState { state in
            guard state.pools[name] != nil else { return }
            state.pools[name]?.isActive = isActive
            state.raised.append(.pool(name))
        }
    }

    package func virshSetNetwork(_ name: String, isActive: Bool) {
        withState { state in
            guard state.networks[name] != nil else { return }
            state.networks[name]?.observation.isActive = isActive
            state.raised.append(.network(name))
        }
    }

    /// The network is gone; machines that name it stay.
    package func virshRemoveNetwork(_ name: String) {
        withState { state in
            state.networks[name] = nil
            state.raised.append(.network(name))
        }
    }

    // MARK: In the guest

    /// The guest powers itself off.
    package func guestPowersOff(_ id: MachineID) { withState { $0.stop(id, reason: "shutdown") } }

    /// The hypervisor's process dies.
    package func guestCrashes(_ id: MachineID) { withState { $0.stop(id, reason: "crashed") } }

    // MARK: On the disk

    /// Puts a file there; a pool shows it after its next refresh.
    package func placeFile(_ path: String, _ bytes: [UInt8]) { withState { $0.files[path] = FakeFile(bytes: bytes) } }

    /// Takes a file away; a pool goes on showing it until its next refresh.
    package func removeFile(_ path: String) { withState { $0.files[path] = nil } }

    /// Puts a file into a pool and refreshes it.
    package func placeVolume(_ reference: VolumeReference, _ bytes: [UInt8]) throws(HypervisorError) {
        try withState { state throws(HypervisorError) in
            let pool = try state.activePool(reference.pool)
            state.files[pool.path(of: reference.volume)] = FakeFile(bytes: bytes)
            try state.refreshPool(reference.pool)
        }
    }

    /// Up to `count` bytes of a file from `offset` on; nil where there is no such file.
    package func bytes(of path: String, offset: Int64 = 0, count: Int = 1 << 20) -> [UInt8]? {
        withState { $0.files[path]?.read(at: offset, count: count) }
    }
}
