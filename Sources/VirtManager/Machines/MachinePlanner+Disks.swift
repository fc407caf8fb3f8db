internal import Hypervisor
internal import JSON
internal import JobQueue

extension MachinePlanner {
    mutating func disks(_ draft: MachineDraft, machine: String, job: JobID) async throws -> [MachineCreation.Disk] {
        var disks: [MachineCreation.Disk] = []
        var targets = DiskTargets()
        for (index, wish) in draft.disks.enumerated() {
            let target = targets.next(for: wish.bus)
            if let disk = try await disk(wish, at: "/disks/\(index)", target: target, named: "\(machine)-\(target)-\(job.short).qcow2") {
                disks.append(disk)
            }
        }
        return disks
    }

    /// Checks one disk against the host and chooses its volume; nil if something about it is wrong, which is noted then.
    /// `at`: the pointer of its entry; `named`: what a volume made for it is called.
    mutating func disk(_ wish: MachineDraft.Disk, at: String, target: String, named name: String) async throws -> MachineCreation.Disk? {
        guard var disk = try await place(wish, at: at, target: target, named: name) else { return nil }
        disk.device = wish.device
        disk.bus = wish.bus
        disk.isReadOnly = wish.isReadOnly
        disk.cache = wish.cache
        disk.serial = wish.serial
        disk.bootOrder = wish.bootOrder
        return disk
    }

    private mutating func place(
        _ wish: MachineDraft.Disk, at: String, target: String, named name: String
    ) async throws -> MachineCreation.Disk? {
        switch wish.content {
        case .refused, .drive(nil):
            return wish.content == .refused ? nil : MachineCreation.Disk(target: target, origin: .drive, volume: nil)
        case .drive(let medium?):
            guard try await checkMedium(medium, at: at) else { return nil }
            return MachineCreation.Disk(target: target, origin: .drive, volume: medium)
        case .attach(let volume):
            if !seen.insert(volume).inserted {
                problems.add(FieldProblem(pointer: "\(at)/volume", detail: "is given twice", value: .string(volume.volume)))
            }
            guard let found = try await require(volume, at: "\(at)/volume") else { return nil }
            requireDiskFormat(found, at: "\(at)/volume")
            requireReach(found, at: "\(at)/volume", asDisk: true)
            checkFree(volume, path: found.path, writable: !wish.isReadOnly, at: "\(at)/volume")
            return MachineCreation.Disk(target: target, origin: .attach, volume: volume)
        case .empty(let pool, let bytes):
            guard requireDiskPool(pool, at: "\(at)/pool") else { return nil }
            return MachineCreation.Disk(target: target, origin: .empty, volume: VolumeReference(pool: pool, volume: name), bytes: bytes)
        case .linked(let from, let pool, let bytes):
            guard requireDiskPool(pool, at: "\(at)/pool"), let base = try await require(from, at: "\(at)/from/volume") else { return nil }
            requireDiskFormat(base, at: "\(at)/from/volume")
            requireReach(base, at: "\(at)/from/volume")
            checkBase(from, base, bytes: bytes, at: at)
            return MachineCreation.Disk(
                target: target, origin: .linked, volume: VolumeReference(pool: pool, volume: name), bytes: bytes, from: from)
        }
    }

    /// A pool that takes the disks which are made with a machine: they are qcow2.
    private func requireDiskPool(_ name: String, at pointer: String) -> Bool {
        guard requirePool(name, at: pointer) else { return false }
        let fit = host.fleet.pools(host.name).filter { $0.isActive && PoolType.formats(of: $0.type).contains("qcow2") }.map(\.name)
        if fit.contains(name) { return true }
        problems.add(
            FieldProblem(
                pointer: pointer, detail: "takes no qcow2 volumes: make a volume in it, and name that", value: .string(name),
                allowed: fit.sorted()))
        return false
    }

    /// Checks what is to be put into a drive; `at` is the pointer of the disk. Any number of drives may hold one medium.
    mutating func checkMedium(_ volume: VolumeReference, at: String) async throws -> Bool {
        guard let found = try await require(volume, at: "\(at)/media/volume") else { return false }
        guard ["raw", "iso"].contains(found.format) else {
            problems.add(
                FieldProblem(
                    pointer: "\(at)/media/volume", detail: "has the format '\(found.format)', which is no medium for a drive",
                    value: .string(volume.volume), allowed: ["iso", "raw"]))
            return false
        }
        requireReach(found, at: "\(at)/media/volume")
        checkFree(volume, path: found.path, writable: false, at: "\(at)/media/volume")
        return true
    }

    /// What is no file or device of the host: only whole disks may be that, and only in pools by which libvirt finds them.
    mutating func requireReach(_ volume: VolumeObservation, at pointer: String, asDisk: Bool = false) {
        guard !volume.isLocal else { return }
        let type = host.fleet.pools(host.name).first { $0.name == volume.reference.pool }?.type ?? ""
        if asDisk, PoolType.isReachedByVolume(type) { return }
        problems.add(
            FieldProblem(
                pointer: pointer,
                detail: "lies in a pool of type '\(type)', whose volumes are no files of the host: it cannot be used here",
                value: .string(volume.reference.volume)))
    }

    /// `iso` is raw to a guest; the host calls it so by what it reads in it.
    private func requireDiskFormat(_ volume: VolumeObservation, at pointer: String) {
        guard !["qcow2", "raw", "iso"].contains(volume.format) else { return }
        problems.add(
            FieldProblem(
                pointer: pointer, detail: "has the format '\(volume.format)', which cannot be a disk here",
                value: .string(volume.reference.volume), allowed: ["qcow2", "raw"]))
    }

    private func checkBase(_ from: VolumeReference, _ base: VolumeObservation, bytes: Int64?, at: String) {
        if let bytes, bytes < base.capacityBytes {
            problems.add(
                FieldProblem(
                    pointer: "\(at)/size", detail: "is smaller than the image", value: .integer(bytes),
                    allowed: ["at least \(base.capacityBytes)"]))
        }
        let writers = VolumeUse(fleet: host.fleet, host: host.name).writers(of: from, path: base.path)
        if let first = writers.first {
            problems.add(
                FieldProblem(
                    pointer: "\(at)/from/volume", detail: "is written to by VM '\(first.name)': a copy on top of it would break",
                    value: .string(from.volume)))
        }
    }

    private mutating func checkFree(_ volume: VolumeReference, path: String, writable: Bool, at pointer: String) {
        let use = VolumeUse(fleet: host.fleet, host: host.name)
        let users = writable ? use.users(of: volume, path: path) : use.writers(of: volume, path: path)
        if !users.isEmpty {
            conflicts.append(
                (
                    "volume.in_use",
                    FieldProblem(
                        pointer: pointer, detail: "is in use by \(users.map { "VM '\($0.name)'" }.joined(separator: ", "))",
                        value: .string(volume.volume))
                ))
        }
        if writable, let child = use.children(ofPath: path).first {
            conflicts.append(
                (
                    "volume.in_use",
                    FieldProblem(
                        pointer: pointer, detail: "is the base of volume '\(child)': writing to it would break that one",
                        value: .string(volume.volume))
                ))
        }
    }
}

/// Hands out the names of disks: `vda` … on virtio, `sda` … on the other buses, each once.
struct DiskTargets {
    private var taken: Set<String>

    init(taken: some Sequence<String> = []) { self.taken = Set(taken) }

    /// The first free one. After the 26 that a letter gives come `vdaa`, `vdab` …
    mutating func next(for bus: DiskSpec.Bus) -> String {
        let prefix = bus == .virtio ? "vd" : "sd"
        var number = 0
        while true {
            let target = prefix + Self.letters(number)
            if taken.insert(target).inserted { return target }
            number += 1
        }
    }

    private static func letters(_ number: Int) -> String {
        let letter = String(UnicodeScalar(UInt8(97 + number % 26)))
        return number < 26 ? letter : letters(number / 26 - 1) + letter
    }
}

extension MachineCreation.Disk {
    /// What a job needs that makes or attaches it.
    func locks(on host: HostName) -> [LockRequest] {
        var locks: [LockRequest] = []
        if let volume {
            locks.append(LockRequest("pool:\(host)/\(volume.pool)", .shared))
            locks.append(LockRequest("volume:\(host)/\(volume)", isReadOnly ? .shared : .exclusive))
        }
        if let from { locks.append(LockRequest("volume:\(host)/\(from)", .shared)) }
        return locks
    }
}
