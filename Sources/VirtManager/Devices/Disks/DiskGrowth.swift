internal import Hypervisor
internal import JobQueue

/// Whether a disk can grow, and the volume that grows.
struct DiskGrowth {
    let world: JobWorld

    /// The volume behind a disk as it is now.
    func volume(of disk: DiskObservation, _ host: ManagedHost) async throws -> VolumeObservation {
        guard let reference = world.fleet.volume(of: disk, on: host.name) else {
            throw DiskRules.noVolume(disk)
        }
        try await host.refresh(reference)
        guard let volume = try await world.volume(reference, on: host) else { throw DiskRules.missing(reference) }
        return volume
    }

    func check(_ disk: DiskObservation, _ bytes: Int64, _ host: ManagedHost) async throws {
        let volume = try await volume(of: disk, host)
        guard bytes >= volume.capacityBytes else {
            throw ServiceError(
                "disk.cannot_shrink", .invalid, "disk '\(disk.target)' has \(volume.capacityBytes) bytes, and disks only grow")
        }
        // A sparse file takes its space when it is written; a raw one may be filled by its guest without further notice.
        guard volume.format == "raw" else { return }
        try await host.refreshRoom(in: volume.reference.pool)
        try requireSpace(in: volume.reference.pool, bytes - volume.capacityBytes, host)
    }

    /// By what the pool showed last.
    func requireSpace(in pool: String, _ needed: Int64, _ host: ManagedHost) throws {
        guard let seen = world.fleet.pools(host.name).first(where: { $0.name == pool }), needed > seen.availableBytes else { return }
        throw DiskRules.noSpace(pool, needed: needed, available: seen.availableBytes)
    }
}
