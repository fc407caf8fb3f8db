package import Hypervisor
package import JSON

extension MachineDraft {
    /// One entry of `disks`.
    package struct Disk: Sendable, Equatable {
        package enum Content: Sendable, Equatable {
            /// A volume that is there.
            case attach(VolumeReference)
            /// A new, empty one.
            case empty(pool: String, bytes: Int64)
            /// A new overlay on an image; `bytes` nil takes the image's size.
            case linked(from: VolumeReference, pool: String, bytes: Int64?)
            /// A drive with its medium; nil is an empty one.
            case drive(VolumeReference?)
            /// Refused already; keeps the places of those behind it.
            case refused
        }
        package var content: Content
        /// The name an answer showed: the server chooses it anew, and only a confirmation goes by it.
        package var shownTarget: String?
        package var device: DiskSpec.Device = .disk
        package var bus: DiskSpec.Bus = .virtio
        package var isReadOnly = false
        package var cache: DiskSpec.Cache?
        package var serial: String?
        package var bootOrder: Int?

        package init(_ content: Content) { self.content = content }
    }

    static let largestDisk: Int64 = 64 << 40
    static let mostDisks = 24

    static func disks(_ reader: ObjectReader, _ defaults: MachineDefaults) -> [Disk] {
        guard let list = reader.objects("disks", max: mostDisks) else { return [] }
        var orders: Set<Int> = []
        return list.map { entry in
            let disk = disk(entry, defaults)
            if let order = disk.bootOrder, !orders.insert(order).inserted { entry.problem("boot_order", "is given twice") }
            return disk
        }
    }

    /// Reads one disk as it is wished; `reader` is finished by the caller.
    package static func disk(_ reader: ObjectReader, _ defaults: MachineDefaults) -> Disk {
        // What an answer shows of a disk; the server chooses these.
        reader.ignore("format", "capacity_bytes", "backing", "owned")
        let device = reader.choice("device", DiskSpec.Device.allCases.map(\.rawValue)).flatMap(DiskSpec.Device.init(rawValue:)) ?? .disk
        // Also the names that go with the other device only: each refused by what it says.
        let isReadOnly = reader.bool("read_only")
        var disk = Disk(
            (device == .cdrom ? medium(reader, defaults) : content(reader, defaults, isReadOnly: isReadOnly ?? false)) ?? .refused)
        disk.shownTarget = reader.string("target", maxLength: 32)
        disk.device = device
        // There is no virtio drive, and QEMU's USB one cannot be empty.
        let buses: [DiskSpec.Bus] = device == .cdrom ? [.sata, .scsi] : [.virtio, .scsi, .sata, .usb]
        disk.bus = reader.choice("bus", buses.map(\.rawValue)).flatMap(DiskSpec.Bus.init(rawValue:)) ?? buses[0]
        disk.isReadOnly = device == .cdrom || isReadOnly ?? false
        if device == .cdrom, isReadOnly == false { reader.problem("read_only", "is always true of a cdrom", allowed: ["true"]) }
        if device == .disk, disk.isReadOnly, disk.bus == .sata {
            reader.problem("bus", "cannot carry a read-only disk", allowed: ["virtio", "scsi", "usb"])
        }
        disk.cache = cache(reader)
        disk.serial = serial(reader)
        disk.bootOrder = bootOrder(reader)
        return disk
    }

    // MARK: Options

    static func cache(_ reader: ObjectReader) -> DiskSpec.Cache? {
        reader.choice("cache", DiskSpec.Cache.allCases.map(\.rawValue)).flatMap(DiskSpec.Cache.init(rawValue:))
    }

    static func bootOrder(_ reader: ObjectReader) -> Int? { reader.integer("boot_order", in: 1...99).map(Int.init) }

    static func serial(_ reader: ObjectReader) -> String? {
        guard let serial = reader.string("serial", maxLength: 256) else { return nil }
        if !NameRules.isSerial(serial) { reader.problem("serial", "is not a valid serial number", allowed: [NameRules.serial]) }
        return serial
    }

    // MARK: What it holds

    private static func medium(_ reader: ObjectReader, _ defaults: MachineDefaults) -> Disk.Content? {
        for name in ["size", "from", "mode"] where has(reader, name) {
            reader.problem(name, "only goes with a disk: a cdrom takes 'media'", allowed: ["media"])
        }
        let media = reader.volumeReference("media", defaultPool: defaults.pool).map { VolumeReference(pool: $0.pool, volume: $0.volume) }
        // As answers have it.
        let pool = reader.objectName("pool")
        let volume = reader.objectName("volume")
        guard has(reader, "volume") else { return has(reader, "media") && media == nil ? nil : .drive(media) }
        guard let volume else { return nil }
        let shown = VolumeReference(pool: pool ?? defaults.pool, volume: volume)
        if reader.isPresent("media"), media != shown {
            reader.problem("media", "differs from pool and volume", allowed: ["media", "volume"])
        }
        return .drive(shown)
    }

    private static func content(_ reader: ObjectReader, _ defaults: MachineDefaults, isReadOnly: Bool) -> Disk.Content? {
        if has(reader, "media") { reader.problem("media", "only goes with a cdrom", allowed: ["device: cdrom"]) }
        let pool = reader.objectName("pool")
        let volume = reader.volumeName("volume")
        // Images come in sectors.
        let size = reader.byteCount("size", alias: nil, in: 1 << 20...largestDisk).map { ($0 + 511) / 512 * 512 }
        let mode = reader.choice("mode", ["linked"])
        let from = reader.volumeReference("from", defaultPool: defaults.pool)
        if has(reader, "from") {
            if volume != nil {
                reader.problem("volume", "cannot stand beside 'from': the server names new volumes", allowed: ["from", "volume"])
            }
            if mode == nil, !has(reader, "mode") { reader.problem("mode", "is missing: say how to copy", allowed: ["linked"]) }
            refuseReadOnly(reader, isReadOnly)
            guard let from else { return nil }
            return .linked(from: VolumeReference(pool: from.pool, volume: from.volume), pool: pool ?? from.pool, bytes: size)
        }
        if has(reader, "mode") { reader.problem("mode", "only goes with 'from'") }
        if has(reader, "volume") {
            if size != nil { reader.problem("size", "cannot stand beside 'volume': the volume has its size", allowed: ["size", "volume"]) }
            guard let volume else { return nil }
            return .attach(VolumeReference(pool: pool ?? defaults.pool, volume: volume))
        }
        refuseReadOnly(reader, isReadOnly)
        guard has(reader, "size") else {
            reader.problem(
                "size", "is missing: a disk needs 'volume' (one that is there), 'size' (a new one) or 'from' (a copy)",
                allowed: ["volume", "size", "from"])
            return nil
        }
        return size.map { .empty(pool: pool ?? defaults.pool, bytes: $0) }
    }

    /// null says as little as nothing at all.
    private static func has(_ reader: ObjectReader, _ name: String) -> Bool { reader.value(name).map { $0 != .null } ?? false }

    private static func refuseReadOnly(_ reader: ObjectReader, _ isReadOnly: Bool) {
        if isReadOnly { reader.problem("read_only", "only goes with 'volume': a new disk is for writing", allowed: ["false"]) }
    }
}
