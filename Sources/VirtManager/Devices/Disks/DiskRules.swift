internal import Hypervisor
internal import JSON

/// What disks are refused for.
enum DiskRules {
    static func unknown(_ target: String, _ machine: MachineObservation) -> ServiceError {
        let present = Set(machine.hardware.disks.map(\.target)).union(machine.defined.disks.map(\.target)).sorted()
        return ServiceError(
            "disk.not_found", .notFound, "VM '\(machine.name)' has no disk '\(target.prefix(64))'",
            hints: [present.isEmpty ? "it has none" : "it has \(present.joined(separator: ", "))"])
    }

    static func missing(_ volume: VolumeReference) -> ServiceError {
        ServiceError("volume.not_found", .notFound, "there is no volume '\(volume)'")
    }

    static func noVolume(_ disk: DiskObservation) -> ServiceError {
        ServiceError("disk.no_volume", .state, "disk '\(disk.target)' stands on no volume of a pool: \(disk.path ?? "it is empty")")
    }

    /// What a pool has not got.
    static func noSpace(_ pool: String, needed: Int64, available: Int64) -> ServiceError {
        ServiceError(
            "pool.no_space", .noSpace, "pool '\(pool)' has \(available) bytes left; \(needed) are needed", isRetryable: true,
            hints: ["free space in the pool or choose another one"],
            details: JSONObject([("needed_bytes", .integer(needed)), ("available_bytes", .integer(available))]))
    }

    static func orderTaken(_ order: Int, by target: String) -> ServiceError {
        ServiceError("disk.boot_order_taken", .conflict, "boot order \(order) is that of disk '\(target)'")
    }

    /// Whether a disk on that bus can be plugged into, and out of, a running machine. Drives cannot: only their media change.
    static func isHotPluggable(device: String, bus: String) -> Bool {
        device == "disk" && (bus == "virtio" || bus == "scsi" || bus == "usb")
    }

    /// The same of a disk that comes: but for virtio, the machine must have a controller of that kind already.
    static func canPlug(_ disk: MachineCreation.Disk, into machine: MachineObservation) -> Bool {
        guard isHotPluggable(device: disk.device.rawValue, bus: disk.bus.rawValue) else { return false }
        return disk.bus == .virtio || machine.live?.disks.contains { $0.bus == disk.bus.rawValue } != false
    }
}

extension MachineObservation {
    /// Whether it has that disk now or at its next boot.
    func hasDisk(_ target: String) -> Bool { disk(target) != nil }

    /// The disk as it is now, else as the next boot has it.
    func disk(_ target: String) -> DiskObservation? { live?.disk(target) ?? defined.disk(target) }
}

extension Fleet {
    /// The volume behind a disk.
    func volume(of disk: DiskObservation, on host: HostName) -> VolumeReference? {
        disk.volume ?? disk.path.flatMap { volume(at: $0, on: host) }
    }
}
