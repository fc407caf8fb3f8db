internal import Hypervisor
internal import JSON
internal import JobQueue
internal import Platform

/// The copy of a disk that is being moved: where it runs, how far it is, and who has been switched over to it.
struct DiskCopy {
    let world: JobWorld
    let move: DiskMove

    // MARK: Looking

    func look(_ host: ManagedHost) async throws -> MachineObservation {
        guard let seen = try await host.refresh(move.id) else { throw DeviceRules.gone(move.id, host.name) }
        return seen
    }

    func destination(_ host: ManagedHost) async throws -> DiskSpec.Source {
        guard let volume = try await world.volume(move.to, on: host) else { throw DiskRules.missing(move.to) }
        return DiskSpec.Source(path: volume.path, format: move.format)
    }

    /// Whether the running machine or the definition names the copy. A helper that does is no user's: it may still be undone.
    func isSwitched(_ host: ManagedHost) async throws -> Bool {
        guard let path = try await world.volume(move.to, on: host)?.path else { return false }
        let seen = try await look(host)
        return seen.live?.disk(move.target)?.path == path || seen.defined.disk(move.target)?.path == path
    }

    /// The machine that has the disk open: its own while that runs, else the helper; nil if there is neither.
    private func carrier(_ host: ManagedHost) async throws -> MachineID? {
        if try await look(host).state.isActive { return move.id }
        return try await host.connection.machine(move.helper) == nil ? nil : move.helper
    }

    /// What runs on the disk; nil when nothing does.
    func job(_ host: ManagedHost) async throws -> BlockJobObservation? {
        guard let carrier = try await carrier(host) else { return nil }
        do {
            return try await host.connection.blockJob(carrier, target: move.target)
        } catch {
            guard error.code == .machineNotFound || error.code == .invalidState else { throw error }
            return nil
        }
    }

    // MARK: Copying

    /// Begins the copy where it does not run yet.
    func begin(_ host: ManagedHost) async throws {
        if try await isSwitched(host) { return }
        if try await carrier(host) == nil { try await startHelper(host) }
        guard try await job(host) == nil, let carrier = try await carrier(host) else { return }
        let destination = try await destination(host)
        try await onCarrier { () async throws(HypervisorError) in
            try await host.connection.startBlockCopy(carrier, target: move.target, to: destination, bytesPerSecond: nil)
        }
    }

    private func startHelper(_ host: ManagedHost) async throws {
        guard let disk = try await look(host).defined.disk(move.target) else {
            throw JobFailure("disk.not_found", category: "not_found", detail: "disk '\(move.target)' is gone")
        }
        guard let volume = try await world.volume(move.from, on: host) else { throw DiskRules.missing(move.from) }
        // Whatever its header says by now.
        let stated = volume.stated(by: VolumeStore.Record(format: move.format))
        let source = try await MachineSpecBuilder(world: world, host: host).source(stated)
        let bus = DiskSpec.Bus(rawValue: disk.bus) ?? .virtio
        let metadata = MachineMetadata(
            installation: world.installation, machine: move.helper.text, job: move.helperName, epoch: 0,
            createdAtMilliseconds: Timestamp.now().milliseconds)
        try await host.connection.startHelper(
            HelperSpec(
                id: move.helper, name: move.helperName, disks: [DiskSpec(target: move.target, bus: bus, source: source)],
                metadata: metadata))
    }

    /// Waits until the copy is in step with the disk; begins it anew if nothing is left of it.
    func bringInStep(_ host: ManagedHost, _ context: StepContext) async throws {
        if try await isSwitched(host) { return }
        let isThere = try await job(host) != nil
        if !isThere {
            context.log("nothing is left of the copy; it begins anew")
            try await begin(host)
        }
        let wasActive = try await look(host).state.isActive
        while true {
            guard let job = try await job(host) else { throw try await lost(host, wasActive: wasActive) }
            context.progress(done: job.doneBytes, total: job.totalBytes > 0 ? job.totalBytes : nil)
            if job.isReady { return }
            try await world.clock.sleep(for: .milliseconds(200))
        }
    }

    /// Why the copy is not there any more.
    func lost(_ host: ManagedHost, wasActive: Bool) async throws -> any Error {
        if wasActive, try await !look(host).state.isActive {
            return JobFailure(
                "disk.move_interrupted", category: "state",
                detail: "the guest powered off while its disk was being copied; nothing was changed",
                isRetryable: true, hints: ["move the disk again: a machine that is off is moved as well"])
        }
        if !wasActive, try await host.connection.machine(move.helper) == nil { return Self.interrupted }
        do { try await requireSpace(host) } catch { return error }
        return JobFailure(
            "disk.move_failed", category: "state", detail: "the hypervisor gave up the copy of disk '\(move.target)'; nothing was changed",
            isRetryable: true, hints: ["the log of the hypervisor on host '\(host.name)' tells why"])
    }

    func requireSpace(_ host: ManagedHost) async throws {
        try await DiskCopyRoom(fleet: world.fleet, host: host, move: move).require()
    }

    // MARK: Ending

    /// Has the machine go on with the copy; a copy that was lost since it was in step (its helper swept, its host rebooted) is
    /// made anew. The definition of a machine that is off names the copy only once all of it lies in its file.
    func switchOver(_ host: ManagedHost, _ context: StepContext) async throws {
        let destination = try await destination(host)
        if try await look(host).state.isActive {
            if try await look(host).live?.disk(move.target)?.path != destination.path { try await pivot(host, context) }
        } else if try await look(host).defined.disk(move.target)?.path != destination.path {
            let holder = try await host.connection.machine(move.helper)
            if holder?.hardware.disk(move.target)?.path != destination.path { try await pivot(host, context) }
            guard try await !look(host).state.isActive else {
                throw JobFailure(
                    "vm.started_meanwhile", category: "conflict",
                    detail: "another tool started the machine while its disk was being moved: it runs on the old volume and stays there")
            }
        }
        if try await look(host).defined.disk(move.target)?.path != destination.path {
            try await host.connection.edit(move.id, [.setSource(target: move.target, destination)])
        }
    }

    private func pivot(_ host: ManagedHost, _ context: StepContext) async throws {
        try await bringInStep(host, context)
        guard let carrier = try await carrier(host) else { throw Self.interrupted }
        try await onCarrier { () async throws(HypervisorError) in
            try await host.connection.pivotBlockCopy(carrier, target: move.target)
        }
    }

    private static let interrupted = JobFailure(
        "disk.move_interrupted", category: "temporary", detail: "the machine that copies the disk is gone", isRetryable: true,
        isTransient: true)

    /// A machine that goes away under a call, as a helper may at any time, is no refusal.
    private func onCarrier(_ call: () async throws(HypervisorError) -> Void) async throws {
        do { try await call() } catch {
            guard error.code != .machineNotFound, error.code != .invalidState else { throw Self.interrupted }
            throw error
        }
    }

    /// Ends copy and helper; the disk is as it was.
    func abandon(_ host: ManagedHost) async throws {
        if try await job(host) != nil, let carrier = try await carrier(host) {
            try await host.connection.abortBlockJob(carrier, target: move.target)
        }
        try await endHelper(host)
    }

    func endHelper(_ host: ManagedHost) async throws {
        guard try await host.connection.machine(move.helper) != nil else { return }
        do {
            try await host.connection.destroy(move.helper)
        } catch {
            guard error.code == .machineNotFound else { throw error }
        }
    }
}
