internal import Hypervisor
internal import JSON
internal import JobQueue
internal import Platform

/// Brings a draft and a host together: checks all it names against what is there, and chooses every identity.
struct MachinePlanner {
    let host: ManagedHost
    let defaults: MachineDefaults
    let problems: ProblemList
    /// Things in the way rather than wrong: they make the answer a conflict when nothing is wrong besides.
    var conflicts: [(code: String, problem: FieldProblem)] = []
    /// What this host cannot do at all: answered as such when nothing is wrong besides.
    var lacking: [(feature: HostFeature, problem: FieldProblem)] = []
    /// Volumes that were named as disks already.
    var seen: Set<VolumeReference> = []

    init(host: ManagedHost, defaults: MachineDefaults, problems: ProblemList) {
        self.host = host
        self.defaults = defaults
        self.problems = problems
    }

    mutating func plan(_ draft: MachineDraft, job: JobID) async throws -> MachineCreation {
        let name = draft.name ?? "vm-\(job.short)"
        checkSize(draft)
        checkAccelerator(draft)
        try await checkHardware(draft)
        var disks = try await disks(draft, machine: name, job: job)
        if let boot = draft.boot {
            let files = [(boot.kernel, "/boot/kernel/volume")] + (boot.initrd.map { [($0, "/boot/initrd/volume")] } ?? [])
            for (file, pointer) in files {
                if let found = try await require(file, at: pointer) { requireReach(found, at: pointer) }
            }
        }
        let files = filePool(disks)
        if draft.cloudInit != nil, let seed = seed(disks, name, files, job) { disks.append(seed) }
        return MachineCreation(
            host: host.name, id: try Self.freshID(), name: name, vcpus: draft.vcpus, vcpusMax: draft.vcpusMax,
            memoryBytes: draft.memoryBytes, memoryMaxBytes: draft.memoryMaxBytes, cpu: draft.cpu, machineType: draft.machineType,
            accel: draft.accel, firmware: draft.firmware, nvram: nvram(draft, name, files, job), hasTPM: draft.hasTPM,
            boot: draft.boot, disks: disks, nics: try await nics(draft),
            console: files.map { VolumeReference(pool: $0, volume: "\(name)-\(job.short).console.log") }, labels: draft.labels,
            description: draft.description, autostart: draft.autostart,
            expiresAtMilliseconds: draft.expiry?.milliseconds(from: .now()), start: draft.start, waitFor: draft.waitFor,
            waitTimeoutMilliseconds: Int64(draft.waitTimeout.milliseconds))
    }

    /// Throws what was found in the way, the worst first: wrong fields, what the host cannot do, then `first` (the caller's own
    /// rule), then what others have.
    func settle(_ first: () throws -> Void = {}) throws {
        guard problems.isEmpty else { throw ServiceError.invalid(problems.items + lacking.map(\.problem) + conflicts.map(\.problem)) }
        if let missing = lacking.first {
            throw ServiceError(
                "feature.unsupported", .unsupported, "\(missing.problem.pointer): \(missing.problem.detail)",
                problems: lacking.map(\.problem), hints: ["GET \(host.path)/capabilities tells what it can do"],
                details: JSONObject([("feature", .string(missing.feature.rawValue)), ("host", .string(host.name.text))]))
        }
        try first()
        if let first = conflicts.first {
            throw ServiceError(
                first.code, .conflict, "\(first.problem.pointer): \(first.problem.detail)", problems: conflicts.map(\.problem))
        }
    }

    // MARK: What is named

    func requirePool(_ name: String, at pointer: String) -> Bool {
        let pools = host.fleet.pools(host.name)
        if let pool = pools.first(where: { $0.name == name }) {
            if pool.isActive { return true }
            problems.add(
                FieldProblem(pointer: pointer, detail: "pool '\(name)' on host '\(host.name)' is not active", value: .string(name)))
            return false
        }
        problems.add(
            FieldProblem(
                pointer: pointer, detail: "there is no pool '\(name)' on host '\(host.name)'", value: .string(name),
                allowed: pools.map(\.name).sorted()))
        return false
    }

    func require(_ volume: VolumeReference, at pointer: String) async throws -> VolumeObservation? {
        let poolPointer = pointer.hasSuffix("/volume") ? String(pointer.dropLast("volume".count)) + "pool" : pointer
        guard requirePool(volume.pool, at: poolPointer) else { return nil }
        if let found = try await host.refresh(volume) {
            guard !host.fleet.unfinishedUploads.contains(volume, on: host.name) else {
                problems.add(FieldProblem(pointer: pointer, detail: "is not whole: its upload is not over", value: .string(volume.volume)))
                return nil
            }
            return found
        }
        problems.add(
            FieldProblem(
                pointer: pointer, detail: "there is no volume '\(volume.volume)' in pool '\(volume.pool)' on host '\(host.name)'",
                value: .string(volume.volume),
                allowed: host.fleet.volumes(in: volume.pool, on: host.name).map(\.reference.volume).sorted().prefix(20).map { $0 }))
        return nil
    }

    // MARK: Files of the machine's own

    /// Where console log and NVRAM are kept: beside the first disk, in a pool that is a directory, so that storage calls
    /// reach them. nil where the driver keeps none.
    private func filePool(_ disks: [MachineCreation.Disk]) -> String? {
        guard host.state.facts?.driver == "QEMU" else { return nil }
        let pools = host.fleet.pools(host.name)
        let wanted = [disks.first { $0.origin != .drive }?.volume?.pool, defaults.pool].compactMap { $0 }
        return wanted.first { name in
            pools.contains { $0.name == name && $0.isActive && $0.type == "dir" && $0.path != nil }
        }
    }

    private func nvram(_ draft: MachineDraft, _ machine: String, _ pool: String?, _ job: JobID) -> VolumeReference? {
        guard draft.firmware.isUEFI else { return nil }
        if pool == nil, lacking.isEmpty {
            problems.add(
                FieldProblem(
                    pointer: "/firmware",
                    detail: "keeps its variables in a pool of type dir: neither the first disk's nor '\(defaults.pool)' is one",
                    value: "uefi", allowed: ["bios"]))
        }
        return pool.map { VolumeReference(pool: $0, volume: "\(machine)-\(job.short).nvram.fd") }
    }

    /// The cloud-init seed: a disk behind the others, as guests without a driver for SATA find it there too.
    private func seed(_ disks: [MachineCreation.Disk], _ machine: String, _ files: String?, _ job: JobID) -> MachineCreation.Disk? {
        let pool = files ?? disks.first?.volume?.pool ?? defaults.pool
        guard requirePool(pool, at: "/cloud_init") else { return nil }
        var targets = DiskTargets(taken: disks.map(\.target))
        var seed = MachineCreation.Disk(
            target: targets.next(for: .virtio), origin: .seed,
            volume: VolumeReference(pool: pool, volume: "\(machine)-\(job.short).seed.iso"))
        seed.isReadOnly = true
        return seed
    }

    // MARK: Identities

    static func freshID() throws -> MachineID {
        var bytes = try randomBytes(16)
        bytes[6] = bytes[6] & 0x0f | 0x40
        bytes[8] = bytes[8] & 0x3f | 0x80
        guard let id = MachineID(bytes: bytes) else { throw ServiceError("internal", .internal, "no random machine id") }
        return id
    }

    /// In QEMU's range, 24 random bits.
    static func freshMAC() throws -> String {
        "52:54:00:" + (try randomBytes(3)).map { hexadecimal([$0]) }.joined(separator: ":")
    }
}
