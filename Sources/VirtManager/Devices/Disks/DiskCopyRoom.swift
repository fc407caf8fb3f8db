internal import Hypervisor

/// Whether a pool has room for the copy of a disk.
struct DiskCopyRoom {
    let fleet: Fleet
    let host: ManagedHost
    let move: DiskMove

    /// Refuses if the target pool cannot take what is still to be written.
    func require() async throws {
        try await host.refreshRoom(in: move.to.pool)
        var needed: Int64 = 0
        var next: VolumeReference? = move.from
        // A chain in a circle ends here too.
        for _ in 0..<200 {
            guard let reference = next, let seen = try await host.refresh(reference) else { break }
            needed += min(max(0, seen.allocationBytes), move.capacityBytes - needed)
            next = seen.backingPath.flatMap { fleet.volume(at: $0, on: host.name) }
        }
        let written = max(0, try await host.refresh(move.to)?.allocationBytes ?? 0)
        guard let pool = fleet.pools(host.name).first(where: { $0.name == move.to.pool }), needed - written > pool.availableBytes else {
            return
        }
        throw DiskRules.noSpace(pool.name, needed: needed - written, available: pool.availableBytes)
    }
}
