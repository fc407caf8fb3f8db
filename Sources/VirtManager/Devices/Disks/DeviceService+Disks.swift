internal import Hypervisor
package import JSON
internal import JobQueue

extension DeviceService {
    // MARK: Detaching

    /// - Parameter volume: `keep`, or `delete` once the guest has let go.
    package func detachDisk(
        _ machine: MachineView, _ target: String, volume: String, missingOK: Bool, _ mutation: Mutation
    ) async throws -> Outcome<MachineView> {
        guard let disk = machine.observation.disk(target) else {
            guard missingOK else { throw DiskRules.unknown(target, machine.observation) }
            return .absent
        }
        let host = try await host(toEdit: machine)
        let canUnplug = try await host.capabilities().can(.hotplugDisk) && DiskRules.isHotPluggable(device: disk.device, bus: disk.bus)
        var arguments = DiskDetachment(host: machine.host, id: machine.id, target: target, canUnplug: canUnplug, deleting: nil)
        var locks = locks(machine)
        if volume == "delete" {
            let reference = try deletable(disk, machine)
            arguments.deleting = reference
            locks.append(self.volume(reference, machine.host))
        }
        return try await enqueue("disk.detach", arguments.json, machine, locks: locks, mutation)
    }

    /// The volume that goes with its disk; refuses if others stand on it.
    private func deletable(_ disk: DiskObservation, _ machine: MachineView) throws -> VolumeReference {
        guard disk.device == "disk" else {
            throw ServiceError(
                "disk.is_drive", .state, "'\(disk.target)' is a drive: its medium is no part of it, and is not deleted with it",
                hints: ["leave ?volume=delete away"])
        }
        guard let reference = fleet.volume(of: disk, on: machine.host) else { throw DiskRules.noVolume(disk) }
        try fleet.requireOwnWays(reference, on: machine.host)
        let path = disk.path ?? fleet.lastSeen(reference, on: machine.host)?.path ?? ""
        let use = VolumeUse(fleet: fleet, host: machine.host)
        let inTheWay =
            use.users(of: reference, path: path).filter { $0.id != machine.id }.map { "VM '\($0.name)'" }
            + use.children(ofPath: path).map { "volume '\($0)'" }
            + use.otherUses(of: reference, path: path, besides: disk.target, in: machine.observation)
        guard inTheWay.isEmpty else {
            throw ServiceError(
                "volume.in_use", .conflict, "volume '\(reference)' is in use by \(inTheWay.joined(separator: ", "))",
                hints: ["leave ?volume=delete away: the volume is kept then"],
                details: JSONObject([("in_use_by", .array(inTheWay.map(JSONValue.string)))]))
        }
        return reference
    }

    // MARK: Changing

    /// A merge patch of `size`, `media`, `boot_order`, `serial` and `cache`; or of `pool`, which moves the disk.
    package func updateDisk(
        _ machine: MachineView, _ target: String, _ patch: JSONValue, _ mutation: Mutation
    ) async throws -> Outcome<MachineView> {
        let shown = try disk(target, of: machine)
        let host = try await host(toEdit: machine)
        guard let disk = machine.observation.disk(target) else { throw DiskRules.unknown(target, machine.observation) }
        let reader = ObjectReader(patch, problems: ProblemList())
        let patch = DiskPatch(reader: reader, machine: machine, disk: disk, shown: shown.fields, host: host, defaults: defaults)
        let update = try await patch.update()
        let pool = disk.device == "disk" ? patch.movesTo() : nil
        if pool != nil, !update.isEmpty { reader.problem("pool", "moves the disk, which is a change of its own: send the others apart") }
        let changeable = ["size", "capacity_bytes", "media", "boot_order", "serial", "cache"] + (disk.device == "disk" ? ["pool"] : [])
        try ReadOnlyFields(shown, except: changeable, ignoring: ["pending"]).check(reader).finish(reader)
        if let pool { return try await moveDisk(machine, disk, to: pool, host, mutation) }
        if update.isEmpty { return unchanged(machine, mutation) }
        if update.bytes != nil { try await host.requireFeature(machine.state.isActive ? .resizeDisk : .resizeVolume) }
        var locks = locks(machine)
        if case .set(let medium) = update.media { locks.append(volume(medium, machine.host, .shared)) }
        if update.bytes != nil, let reference = fleet.volume(of: disk, on: machine.host) { locks.append(volume(reference, machine.host)) }
        return try await enqueue("disk.update", update.json, machine, locks: locks, mutation)
    }

    // MARK: Moving

    private func moveDisk(
        _ machine: MachineView, _ disk: DiskObservation, to pool: String, _ host: ManagedHost, _ mutation: Mutation
    ) async throws -> Outcome<MachineView> {
        try await host.requireFeature(.blockCopy)
        if !machine.state.isActive { try await host.requireFeature(.helperMachines) }
        guard let from = fleet.volume(of: disk, on: machine.host), let seen = try await host.refresh(from) else {
            throw DiskRules.noVolume(disk)
        }
        guard !disk.isReadOnly else {
            throw ServiceError("disk.read_only", .state, "disk '\(disk.target)' is read-only: what it stands on is left where it is")
        }
        // What was stated counts, by us or else by the definition: a guest can write any header into a raw disk.
        let record = try store.record(from, on: machine.host) ?? disk.format.map { VolumeStore.Record(format: $0) }
        let volume = seen.stated(by: record)
        let format = volume.format == "iso" ? "raw" : volume.format
        guard ["raw", "qcow2"].contains(format) else {
            throw ServiceError(
                "volume.wrong_format", .conflict, "volume '\(from)' has the format '\(format)': only raw and qcow2 disks are moved")
        }
        let id = try desk.newID()
        let ending = format == "raw" ? "img" : "qcow2"
        let to = VolumeReference(pool: pool, volume: "\(machine.name)-\(disk.target)-\(id.short).\(ending)")
        let move = DiskMove(
            host: machine.host, id: machine.id, target: disk.target, from: from, to: to, format: format,
            capacityBytes: max(0, volume.capacityBytes), isFlattened: volume.backingPath != nil, helper: try MachinePlanner.freshID(),
            helperName: "\(helperMachinePrefix)\(machines.installation.prefix(8))-\(id.short)")
        let copy = DiskCopyRoom(fleet: fleet, host: host, move: move)
        try await copy.require()
        return try await enqueue(
            "disk.move", move.json, machine, id: id,
            locks: locks(machine, [self.pool(pool, machine.host), self.volume(from, machine.host), self.volume(to, machine.host)]),
            priority: .bulk, bytes: volume.allocationBytes, mutation)
    }
}
