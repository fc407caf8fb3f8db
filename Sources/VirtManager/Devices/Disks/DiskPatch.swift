internal import Hypervisor
internal import JSON

/// Reads a merge patch of one disk against what is there; every fault goes to the reader's problems.
struct DiskPatch {
    let reader: ObjectReader
    let machine: MachineView
    let disk: DiskObservation
    /// The disk as answers show it.
    let shown: JSONObject
    let host: ManagedHost
    let defaults: MachineDefaults

    private var isDrive: Bool { disk.device != "disk" }
    private var fleet: Fleet { host.fleet }
    /// As the next boot has it, which is what options are compared with.
    private var defined: DiskObservation { machine.observation.defined.disk(disk.target) ?? disk }

    /// Parts that say what is so already are left out, unless a job in line may change it before.
    func update() async throws -> DiskUpdate {
        var update = DiskUpdate(host: machine.host, id: machine.id, target: disk.target)
        update.bytes = try await size()
        update.media = try await media()
        update.bootOrder = bootOrder()
        update.serial = serial()
        update.cache = cache()
        return update
    }

    private var isAlone: Bool { machine.activeJob == nil }

    private func part<Value>(_ name: String, _ value: Value?, present: Value?) -> PatchPart<Value> {
        guard reader.says(name, over: shown) else { return .unchanged }
        if reader.isNull(name) { return present == nil && isAlone ? .unchanged : .removed }
        guard let value else { return .unchanged }
        return value == present && isAlone ? .unchanged : .set(value)
    }

    /// What cannot be taken away. A null that is shown may be sent back.
    private func refuseNull(_ names: String...) {
        for name in names where reader.isNull(name) && shown[name] != .null { reader.problem(name, "must not be null") }
    }

    // MARK: Size

    private func size() async throws -> Int64? {
        refuseNull("size", "capacity_bytes")
        // Images come in sectors.
        let asked = reader.byteCount("size", alias: "capacity_bytes", in: 1...MachineDraft.largestDisk).map { ($0 + 511) / 512 * 512 }
        guard let asked else { return nil }
        let name = reader.isPresent("size") ? "size" : "capacity_bytes"
        let volume = fleet.volume(of: disk, on: host.name)
        let seen: VolumeObservation? = if let volume { try await host.refresh(volume) } else { nil }
        if let size = seen?.capacityBytes, asked == size || asked - 511 <= size && size <= asked { return isAlone ? nil : asked }
        if isDrive || disk.isReadOnly {
            reader.problem(name, "is that of \(isDrive ? "the medium" : "a read-only disk"), which is not changed through this machine")
            return nil
        }
        guard let volume else { throw DiskRules.noVolume(disk) }
        guard let seen else { throw DiskRules.missing(volume) }
        try fleet.requireOwnWays(volume, on: host.name)
        if asked < seen.capacityBytes {
            reader.problem(name, "is less than the disk has: disks only grow", allowed: ["at least \(seen.capacityBytes)"])
            return nil
        }
        if seen.format == "raw" {
            try await host.refreshRoom(in: volume.pool)
            let available = fleet.pools(host.name).first { $0.name == volume.pool }?.availableBytes ?? .max
            let needed = asked - max(0, seen.capacityBytes)
            if needed > available { throw DiskRules.noSpace(volume.pool, needed: needed, available: available) }
        }
        return asked
    }

    // MARK: Media

    private func media() async throws -> PatchPart<VolumeReference> {
        guard reader.isPresent("media") else { return .unchanged }
        let present = fleet.volume(of: disk, on: host.name)
        guard isDrive else {
            if !reader.isNull("media") { reader.problem("media", "is for drives; '\(disk.target)' is a disk", allowed: ["null"]) }
            return .unchanged
        }
        let wanted = reader.volumeReference("media", defaultPool: defaults.pool).map { VolumeReference(pool: $0.pool, volume: $0.volume) }
        if let wanted, wanted != present { try await checkMedium(wanted) }
        let isPending = machine.observation.defined.disk(disk.target)?.path != disk.path
        if isPending, wanted != nil || reader.isNull("media") { return wanted.map(PatchPart.set) ?? .removed }
        return part("media", wanted, present: present)
    }

    private func checkMedium(_ wanted: VolumeReference) async throws {
        let pools = fleet.pools(host.name)
        guard let pool = pools.first(where: { $0.name == wanted.pool }), pool.isActive else {
            return reader.problem(
                "media", "there is no active pool '\(wanted.pool)' on host '\(host.name)'",
                allowed: pools.filter(\.isActive).map(\.name).sorted())
        }
        guard let seen = try await host.refresh(wanted) else {
            let names = fleet.volumes(in: wanted.pool, on: host.name).map(\.reference.volume).sorted().prefix(20)
            return reader.problem("media", "there is no volume '\(wanted)' on host '\(host.name)'", allowed: Array(names))
        }
        if fleet.unfinishedUploads.contains(wanted, on: host.name) { reader.problem("media", "is not whole: its upload is not over") }
        if !seen.isLocal { reader.problem("media", "is no file or device of the host: it is no medium for a drive") }
        if MediumRules.format(seen.format) == nil {
            reader.problem("media", "has the format '\(seen.format)', which is no medium for a drive", allowed: ["an iso or raw volume"])
        }
        let writers = VolumeUse(fleet: fleet, host: host.name).writers(of: wanted, path: seen.path)
        if let writer = writers.first { reader.problem("media", "volume '\(wanted)' is written to by VM '\(writer.name)'") }
    }

    // MARK: Options

    private func bootOrder() -> PatchPart<Int> {
        let order = MachineDraft.bootOrder(reader)
        if let order, let other = machine.observation.defined.disks.first(where: { $0.bootOrder == order && $0.target != disk.target }) {
            reader.problem("boot_order", "is that of disk '\(other.target)'")
        }
        return part("boot_order", order, present: defined.bootOrder)
    }

    private func serial() -> PatchPart<String> {
        part("serial", MachineDraft.serial(reader), present: defined.serial)
    }

    private func cache() -> PatchPart<String> {
        part("cache", MachineDraft.cache(reader)?.rawValue, present: defined.cache)
    }

    // MARK: Pool

    /// The pool to move to; nil if it lies there.
    func movesTo() -> String? {
        refuseNull("pool")
        guard let name = reader.objectName("pool"), name != fleet.volume(of: disk, on: host.name)?.pool else { return nil }
        let pools = fleet.pools(host.name)
        guard let pool = pools.first(where: { $0.name == name }), pool.isActive else {
            reader.problem(
                "pool", "there is no active pool '\(name)' on host '\(host.name)'", allowed: pools.filter(\.isActive).map(\.name).sorted())
            return nil
        }
        guard pool.type == "dir" || pool.type == "fs" || pool.type == "netfs" else {
            let allowed = pools.filter { $0.isActive && ["dir", "fs", "netfs"].contains($0.type) }.map(\.name).sorted()
            reader.problem("pool", "has the type '\(pool.type)': disks move between pools of files", allowed: allowed)
            return nil
        }
        if let volume = fleet.volume(of: disk, on: host.name), fleet.lastSeen(volume, on: host.name)?.isLocal == false {
            reader.problem("pool", "disk '\(disk.target)' is no file or device of the host: it does not move")
        }
        return name
    }
}
