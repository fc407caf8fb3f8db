internal import Hypervisor
package import JSON
internal import JobQueue

extension StorageService {
    /// A merge patch of `size`: a volume that no running machine uses and that nothing stands on grows.
    package func updateVolume(
        pool: String, volume: String, host: String?, patch: JSONValue, _ mutation: Mutation
    ) async throws -> Outcome<VolumeState> {
        let state = try await self.volume(pool: pool, volume: volume, host: host)
        let managed = try hosts.require(state.host)
        try managed.requireOnline()
        let problems = ProblemList()
        let reader = ObjectReader(patch, problems: problems)
        let size = reader.byteCount("size", alias: "capacity_bytes", in: 512...MachineDraft.largestDisk)
        let now = state.observation.capacityBytes
        if let size, size < now { reader.problem("size", "is smaller than the volume: it can only grow", allowed: ["at least \(now)"]) }
        // Moves by itself between the GET and the PATCH.
        reader.ignore("allocation_bytes")
        let readOnly = ReadOnlyFields(state, except: ["size", "capacity_bytes", "allocation_bytes"]).check(reader)
        reader.finish()
        guard problems.isEmpty else { throw readOnly.error(problems) }
        guard let size, size != now else { return mutation.dryRun ? .plan(DryRun()) : .unchanged(state) }
        try hosts.fleet.requireOwnWays(state.reference, on: state.host)
        try await managed.requireFeature(.resizeVolume)
        try refuseUnfinished(VolumeTarget(host: state.host, volume: state.reference))
        let use = VolumeUse(fleet: hosts.fleet, host: state.host)
        if let refusal = VolumeResizeJob.refusal(state.observation, use) { throw ServiceError(refusal) }
        let type = try self.pool(pool, host: state.host.text).observation.type
        if !PoolType.isDirectory(type) { try await requireRoom(for: size - now, in: pool, on: managed) }
        var target = VolumeTarget(host: state.host, volume: state.reference)
        // A disk is made of whole sectors.
        target.bytes = (size + 511) / 512 * 512
        if mutation.dryRun { return .plan(DryRun(steps: ["grow"])) }
        return .job(try await enqueue("volume.resize", target, mutation))
    }
}
