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
    private(set) var conflicts: [FieldProblem] = []

    init(host: ManagedHost, defaults: MachineDefaults, problems: ProblemList) {
        self.host = host
        self.defaults = defaults
        self.problems = problems
    }

    mutating func plan(_ draft: MachineDraft, job: JobID) async throws -> MachineCreation {
        let name = draft.name ?? "vm-\(job.short)"
        checkSize(draft)
        checkAccelerator(draft)
        let disks = try await disks(draft, machine: name, job: job)
        if let boot = draft.boot {
            _ = try await require(boot.kernel, at: "/boot/kernel/volume")
            if let initrd = boot.initrd { _ = try await require(initrd, at: "/boot/initrd/volume") }
        }
        return MachineCreation(
            host: host.name, id: try Self.freshID(), name: name, vcpus: draft.vcpus, memoryBytes: draft.memoryBytes, accel: draft.accel,
            boot: draft.boot, disks: disks, nics: try nics(draft), console: console(name, disks, job), labels: draft.labels,
            description: draft.description, autostart: draft.autostart, start: draft.start, waitFor: draft.waitFor,
            waitTimeoutMilliseconds: Int64(draft.waitTimeout.milliseconds))
    }

    private func checkSize(_ draft: MachineDraft) {
        guard let most = host.state.facts?.memoryBytes, draft.memoryBytes > most else { return }
        problems.add(
            FieldProblem(
                pointer: draft.given.contains("memory") ? "/memory" : "/memory_bytes",
                detail: "is more than host '\(host.name)' has (\(most) bytes)",
                value: .integer(draft.memoryBytes), allowed: ["at most \(most)"]))
    }

    private func checkAccelerator(_ draft: MachineDraft) {
        guard draft.accel != "auto", let proven = host.state.accelerators, !proven.contains(where: { $0.rawValue == draft.accel }) else {
            return
        }
        problems.add(
            FieldProblem(
                pointer: "/accel", detail: "host '\(host.name)' was not seen to boot with it", value: .string(draft.accel),
                allowed: ["auto"] + proven.map(\.rawValue)))
    }

    // MARK: Disks

    private mutating func disks(_ draft: MachineDraft, machine: String, job: JobID) async throws -> [MachineCreation.Disk] {
        var disks: [MachineCreation.Disk] = []
        var seen: Set<VolumeReference> = []
        for (index, wish) in draft.disks.enumerated() {
            let at = "/disks/\(index)"
            let target = Self.target(index)
            let made = VolumeReference(pool: "", volume: "\(machine)-\(target)-\(job.short).qcow2")
            switch wish {
            case .refused: continue
            case .attach(let volume, let isReadOnly):
                if !seen.insert(volume).inserted {
                    problems.add(FieldProblem(pointer: "\(at)/volume", detail: "is given twice", value: .string(volume.volume)))
                }
                guard let found = try await require(volume, at: "\(at)/volume") else { continue }
                requireDiskFormat(found, at: "\(at)/volume")
                checkFree(volume, path: found.path, writable: !isReadOnly, at: "\(at)/volume")
                disks.append(.init(target: target, origin: .attach, volume: volume, isReadOnly: isReadOnly))
            case .empty(let pool, let bytes):
                guard requirePool(pool, at: "\(at)/pool") else { continue }
                disks.append(.init(target: target, origin: .empty, volume: VolumeReference(pool: pool, volume: made.volume), bytes: bytes))
            case .linked(let from, let pool, let bytes):
                guard requirePool(pool, at: "\(at)/pool"), let base = try await require(from, at: "\(at)/from/volume") else { continue }
                requireDiskFormat(base, at: "\(at)/from/volume")
                checkBase(from, base, bytes: bytes, at: at)
                disks.append(
                    .init(
                        target: target, origin: .linked, volume: VolumeReference(pool: pool, volume: made.volume), bytes: bytes, from: from)
                )
            }
        }
        return disks
    }

    private static func target(_ index: Int) -> String { "vd" + String(UnicodeScalar(UInt8(97 + min(index, 25)))) }

    private func requireDiskFormat(_ volume: VolumeObservation, at pointer: String) {
        guard volume.format != "qcow2", volume.format != "raw" else { return }
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
                FieldProblem(
                    pointer: pointer, detail: "is in use by \(users.map { "VM '\($0.name)'" }.joined(separator: ", "))",
                    value: .string(volume.volume)))
        }
        if writable, let child = use.children(ofPath: path).first {
            conflicts.append(
                FieldProblem(
                    pointer: pointer, detail: "is the base of volume '\(child)': writing to it would break that one",
                    value: .string(volume.volume)))
        }
    }

    // MARK: What is named

    private func requirePool(_ name: String, at pointer: String) -> Bool {
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

    private func require(_ volume: VolumeReference, at pointer: String) async throws -> VolumeObservation? {
        let poolPointer = pointer.hasSuffix("/volume") ? String(pointer.dropLast("volume".count)) + "pool" : pointer
        guard requirePool(volume.pool, at: poolPointer) else { return nil }
        if let found = try await host.refresh(volume) { return found }
        problems.add(
            FieldProblem(
                pointer: pointer, detail: "there is no volume '\(volume.volume)' in pool '\(volume.pool)' on host '\(host.name)'",
                value: .string(volume.volume),
                allowed: host.fleet.volumes(in: volume.pool, on: host.name).map(\.reference.volume).sorted().prefix(20).map { $0 }))
        return nil
    }

    private func nics(_ draft: MachineDraft) throws -> [NICSpec] {
        let networks = host.fleet.networks(host.name)
        let wishes = draft.nics ?? [MachineDraft.NIC(network: defaults.network, mac: nil, model: "virtio")]
        return try wishes.enumerated().map { index, wish in
            let pointer = draft.nics == nil ? "/nics" : "/nics/\(index)/network"
            if let network = networks.first(where: { $0.name == wish.network }) {
                if !network.isActive {
                    problems.add(
                        FieldProblem(
                            pointer: pointer, detail: "network '\(wish.network)' on host '\(host.name)' is not active",
                            value: .string(wish.network),
                            allowed: networks.filter(\.isActive).map(\.name).sorted()))
                }
            } else {
                let hint = draft.nics == nil ? " (the default; \"nics\": [] makes a VM without one)" : ""
                problems.add(
                    FieldProblem(
                        pointer: pointer, detail: "there is no network '\(wish.network)' on host '\(host.name)'\(hint)",
                        value: .string(wish.network), allowed: networks.map(\.name).sorted()))
            }
            if let mac = wish.mac, let other = user(ofMAC: mac) {
                problems.add(FieldProblem(pointer: "/nics/\(index)/mac", detail: "is used by VM '\(other)'", value: .string(mac)))
            }
            var mac = try wish.mac ?? Self.freshMAC()
            while wish.mac == nil, user(ofMAC: mac) != nil { mac = try Self.freshMAC() }
            return NICSpec(mac: mac, network: wish.network, model: wish.model)
        }
    }

    private func user(ofMAC mac: String) -> String? {
        host.fleet.view.machines.first { $0.observation.hardware.nics.contains { $0.mac == mac } }?.name
    }

    /// The console's output is kept beside the first disk, in a pool that is a directory, so that storage calls reach it.
    private func console(_ machine: String, _ disks: [MachineCreation.Disk], _ job: JobID) -> VolumeReference? {
        let pools = host.fleet.pools(host.name)
        let wanted = [disks.first?.volume.pool, defaults.pool].compactMap { $0 }
        for name in wanted {
            guard let pool = pools.first(where: { $0.name == name }), pool.isActive, pool.type == "dir", pool.path != nil,
                host.state.facts?.driver == "QEMU"
            else { continue }
            return VolumeReference(pool: name, volume: "\(machine)-\(job.short).console.log")
        }
        return nil
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
