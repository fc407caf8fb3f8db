internal import Hypervisor
internal import JSON

extension MachineDraft {
    static let largestDisk: Int64 = 64 << 40

    static func disks(_ reader: ObjectReader, _ defaults: MachineDefaults) -> [Disk] {
        guard let list = reader.objects("disks", max: 24) else { return [] }
        return list.map { disk in
            // What an answer shows of a disk; the server chooses these.
            disk.ignore("target", "format", "capacity_bytes", "backing", "owned")
            for name in ["serial", "boot_order"] where has(disk, name) { disk.problem(name, "is not available yet", allowed: ["null"]) }
            _ = disk.choice("device", ["disk"])
            _ = disk.choice("bus", ["virtio"])
            return kind(disk, defaults) ?? .refused
        }
    }

    private static func kind(_ disk: ObjectReader, _ defaults: MachineDefaults) -> Disk? {
        let isReadOnly = disk.bool("read_only") ?? false
        let pool = disk.objectName("pool")
        let volume = disk.objectName("volume")
        // Images come in sectors.
        let size = disk.byteCount("size", alias: nil, in: 1 << 20...largestDisk).map { ($0 + 511) / 512 * 512 }
        let mode = disk.choice("mode", ["linked"])
        let from = disk.volumeReference("from", defaultPool: defaults.pool)
        if has(disk, "from") {
            if volume != nil {
                disk.problem("volume", "cannot stand beside 'from': the server names new volumes", allowed: ["from", "volume"])
            }
            if mode == nil, !has(disk, "mode") { disk.problem("mode", "is missing: say how to copy", allowed: ["linked"]) }
            refuseReadOnly(disk, isReadOnly)
            guard let from else { return nil }
            return .linked(from: VolumeReference(pool: from.pool, volume: from.volume), pool: pool ?? from.pool, bytes: size)
        }
        if has(disk, "mode") { disk.problem("mode", "only goes with 'from'") }
        if has(disk, "volume") {
            if size != nil { disk.problem("size", "cannot stand beside 'volume': the volume has its size", allowed: ["size", "volume"]) }
            guard let volume else { return nil }
            return .attach(VolumeReference(pool: pool ?? defaults.pool, volume: volume), isReadOnly: isReadOnly)
        }
        refuseReadOnly(disk, isReadOnly)
        guard has(disk, "size") else {
            disk.problem(
                "size", "is missing: a disk needs 'volume' (one that is there), 'size' (a new one) or 'from' (a copy)",
                allowed: ["volume", "size", "from"])
            return nil
        }
        return size.map { .empty(pool: pool ?? defaults.pool, bytes: $0) }
    }

    /// null says as little as nothing at all.
    private static func has(_ disk: ObjectReader, _ name: String) -> Bool { disk.value(name).map { $0 != .null } ?? false }

    private static func refuseReadOnly(_ disk: ObjectReader, _ isReadOnly: Bool) {
        if isReadOnly { disk.problem("read_only", "only goes with 'volume': a new disk is for writing", allowed: ["false"]) }
    }
}
