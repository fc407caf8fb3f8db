internal import Hypervisor

/// Sizes and copies of disks.
extension FakeWorldState {
    private func disk(_ id: MachineID, _ target: String) throws(HypervisorError) -> DiskObservation {
        guard let disk = try activeMachine(id).live?.hardware.disks.first(where: { $0.target == target }) else {
            throw FakeError.invalidArgument("disk '\(target)' was not found in the domain config")
        }
        return disk
    }

    private func volume(at path: String) -> VolumeReference? {
        for pool in pools.values {
            for name in pool.volumes.keys where pool.path(of: name) == path { return VolumeReference(pool: pool.name, volume: name) }
        }
        return nil
    }

    mutating func resizeDisk(_ id: MachineID, _ target: String, _ bytes: Int64) throws(HypervisorError) {
        try require(.resizeDisk)
        _ = try idleMachine(id)
        guard let path = try disk(id, target).path, let volume = volume(at: path) else { throw FakeError.invalidArgument("empty drive") }
        try grow(volume, bytes)
        raised.append(.machine(id))
    }

    mutating func resizeVolume(_ reference: VolumeReference, _ bytes: Int64) throws(HypervisorError) {
        try require(.resizeVolume)
        try grow(reference, bytes)
    }

    private mutating func grow(_ reference: VolumeReference, _ bytes: Int64) throws(HypervisorError) {
        let found = try existingVolume(reference)
        guard bytes >= found.volume.capacityBytes else {
            throw FakeError.invalidArgument("Can't shrink capacity below current capacity unless shrink flag explicitly specified")
        }
        guard var file = files[found.path] else { throw FakeError.missingFile(found.path) }
        if found.volume.format == "qcow2" {
            file.write((0..<8).map { UInt8(truncatingIfNeeded: bytes >> Int64((7 - $0) * 8)) }, at: 24)
        } else {
            file.extend(to: bytes)
        }
        files[found.path] = file
        pools[reference.pool]?.volumes[reference.volume]?.capacityBytes = bytes
        raised.append(.pool(reference.pool))
    }

    mutating func startBlockCopy(_ id: MachineID, _ target: String, _ destination: DiskSpec.Source) throws(HypervisorError) {
        try require(.blockCopy)
        var machine = try idleMachine(id)
        let disk = try disk(id, target)
        guard machine.blockJobs[target] == nil else { throw FakeError.blockJobActive(target) }
        guard files[destination.path] != nil else { throw FakeError.missingFile(destination.path) }
        let total = disk.path.flatMap { files[$0]?.probe().capacityBytes } ?? 0
        machine.blockJobs[target] = FakeBlockJob(
            destination: destination, ticksLeft: blockCopyTicks, ticks: blockCopyTicks, totalBytes: total)
        put(machine)
        if blockCopyTicks == 0 { copyData(id, target) }
    }

    /// A tick of every copy of a machine, which also go on while its guest is paused.
    mutating func moveBlockJobs(_ id: MachineID) {
        for (target, job) in machines[id]?.blockJobs ?? [:] where job.ticksLeft > 0 {
            machines[id]?.blockJobs[target]?.ticksLeft = job.ticksLeft - 1
            if job.ticksLeft == 1 { copyData(id, target) }
        }
    }

    /// What the disk holds behind its header comes into the copy; a full pool ends the job.
    private mutating func copyData(_ id: MachineID, _ target: String) {
        guard let job = machines[id]?.blockJobs[target],
            let path = machines[id]?.live?.hardware.disks.first(where: { $0.target == target })?.path,
            let source = files[path], let destination = files[job.destination.path]
        else { return }
        let copied = destination.takingData(of: source)
        if let pool = pools.values.first(where: { job.destination.path.hasPrefix($0.path + "/") }),
            copied.allocated - destination.allocated > observation(of: pool).availableBytes
        {
            machines[id]?.blockJobs[target] = nil
            raised.append(.machine(id))
            return
        }
        files[job.destination.path] = copied
    }

    mutating func pivot(_ id: MachineID, _ target: String) throws(HypervisorError) {
        var machine = try activeMachine(id)
        guard let job = machine.blockJobs[target] else { throw FakeError.invalidState("no block job on disk '\(target)'") }
        guard job.isReady else { throw FakeError.notReady(target) }
        machine.blockJobs[target] = nil
        for definition in [\FakeMachine.live, \FakeMachine.persistent] {
            guard let index = machine[keyPath: definition]?.hardware.disks.firstIndex(where: { $0.target == target }) else { continue }
            machine[keyPath: definition]?.hardware.disks[index].path = job.destination.path
            machine[keyPath: definition]?.hardware.disks[index].format = job.destination.format
            machine[keyPath: definition]?.hardware.disks[index].backingPaths = job.destination.backing.map(\.path)
        }
        put(machine)
    }

    mutating func abortBlockJob(_ id: MachineID, _ target: String) throws(HypervisorError) {
        var machine = try activeMachine(id)
        guard machine.blockJobs.removeValue(forKey: target) != nil else {
            throw FakeError.invalidState("no block job on disk '\(target)'")
        }
        put(machine)
    }
}
