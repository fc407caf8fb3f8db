internal import Hypervisor
package import JSON
internal import JobQueue
internal import Platform

/// Pools and volumes of all hosts: what is there, and what may be done to it.
package final class StorageService: Sendable {
    let hosts: HostService
    let desk: JobDesk
    let store: VolumeStore
    let uploads: UploadStore
    let inbox: UploadInbox
    let defaults: MachineDefaults
    /// New directory pools are made only below these; canonical.
    let storageRoots: [String]
    let limits: ServiceLimits
    /// The time of day.
    let now: @Sendable () -> Timestamp

    init(
        hosts: HostService, desk: JobDesk, store: VolumeStore, uploads: UploadStore, inbox: UploadInbox, defaults: MachineDefaults,
        storageRoots: [String], limits: ServiceLimits, now: @escaping @Sendable () -> Timestamp
    ) {
        self.uploads = uploads
        self.limits = limits
        self.now = now
        self.storageRoots = storageRoots.compactMap { $0 == "/" ? "/" : PoolPath.canonical($0) }
        self.hosts = hosts
        self.desk = desk
        self.store = store
        self.inbox = inbox
        self.defaults = defaults
    }

    // MARK: Pools

    package func pools(host: String?) throws(ServiceError) -> [PoolState] {
        try hosts.chosen(host).flatMap { managed in
            hosts.fleet.pools(managed.name).map { PoolState(host: managed.name, observation: $0, isStale: managed.state.isStale) }
        }.sorted { ($0.name, $0.host) < ($1.name, $1.host) }
    }

    /// `pool.not_found`, `pool.ambiguous`.
    package func pool(_ name: String, host: String?) throws(ServiceError) -> PoolState {
        try hosts.single(try pools(host: host).filter { $0.name == name }, "pool", name, host: host, hostOf: \.host)
    }

    // MARK: Volumes

    package func volumes(pool: String, host: String?) async throws(ServiceError) -> [VolumeState] {
        let pool = try self.pool(pool, host: host)
        let managed = try hosts.require(pool.host)
        guard pool.observation.isActive else {
            throw ServiceError("pool.inactive", .state, "pool '\(pool.name)' on host '\(pool.host)' is not active")
        }
        var seen = hosts.fleet.volumes(in: pool.name, on: pool.host)
        if managed.state.reach == .online {
            do { seen = try await managed.refresh(pool: pool.name) } catch { throw error.serviceError }
        }
        let records = (try? store.records(in: pool.name, on: pool.host)) ?? [:]
        let maker = VolumeStateMaker(fleet: hosts.fleet, host: pool.host)
        return seen.map { self.state($0, records[$0.reference.volume], maker) }.sorted { $0.reference < $1.reference }
    }

    /// `volume.not_found`.
    package func volume(pool: String, volume: String, host: String?) async throws(ServiceError) -> VolumeState {
        let pool = try self.pool(pool, host: host)
        let managed = try hosts.require(pool.host)
        let reference = VolumeReference(pool: pool.name, volume: volume)
        var seen = hosts.fleet.lastSeen(reference, on: pool.host)
        if managed.state.reach == .online {
            do { seen = try await managed.refresh(reference) } catch { throw error.serviceError }
        }
        guard let seen else {
            throw ServiceError(
                "volume.not_found", .notFound, "there is no volume '\(volume)' in pool '\(pool.name)' on host '\(pool.host)'",
                hints: ["GET /v1/pools/\(pool.name)/volumes lists what is there"])
        }
        let record = try? store.record(reference, on: pool.host)
        return state(seen, record, VolumeStateMaker(fleet: hosts.fleet, host: pool.host))
    }

    private func state(_ seen: VolumeObservation, _ record: VolumeStore.Record?, _ maker: VolumeStateMaker) -> VolumeState {
        var state = maker.state(seen, record: record)
        if let upload = try? uploads.record(seen.reference, on: state.host), upload.isMade { state.upload = UploadState(upload) }
        return state
    }

    // MARK: Making and deleting

    package func createVolume(pool: String, host: String?, _ body: JSONValue, _ mutation: Mutation) async throws -> Outcome<VolumeState> {
        let pool = try self.pool(pool, host: host)
        let managed = try hosts.require(pool.host)
        try managed.requireOnline()
        let problems = ProblemList()
        let reader = ObjectReader(body, problems: problems)
        reader.ignore("type", "host", "pool", "role", "path", "allocation_bytes", "used_by", "children", "protected", "sha256")
        let name = reader.objectName("name", required: true)
        let formats = PoolType.formats(of: pool.observation.type)
        guard let usual = formats.first else {
            throw readOnly(pool)
        }
        let format = reader.choice("format", formats) ?? usual
        let size = reader.byteCount("size", alias: "capacity_bytes", in: 1 << 20...MachineDraft.largestDisk)
        let backing = reader.volumeReference("backing", defaultPool: pool.name)
        reader.finish()
        var target = VolumeTarget(host: pool.host, volume: VolumeReference(pool: pool.name, volume: name ?? ""))
        target.format = format
        target.bytes = size
        if let backing {
            let reference = VolumeReference(pool: backing.pool, volume: backing.volume)
            target.backing = reference
            let base = try await base(reference, managed)
            if base == nil { reader.problem("backing", "there is no volume '\(reference)' on host '\(pool.host)'") }
            if let base, let writer = VolumeUse(fleet: hosts.fleet, host: pool.host).writers(of: reference, path: base.path).first {
                reader.problem("backing", "is written to by VM '\(writer.name)': a volume on top of it would break")
            }
            if format != "qcow2" { reader.problem("format", "a volume on a backing must be qcow2", allowed: ["qcow2"]) }
            if let base, let size, size < base.capacityBytes {
                reader.problem("size", "is smaller than the backing", allowed: ["at least \(base.capacityBytes)"])
            }
        } else if size == nil, problems.items.allSatisfy({ $0.pointer != "/size" && $0.pointer != "/capacity_bytes" }) {
            reader.problem("size", "is missing", allowed: ["bytes, or a text such as \"2GiB\""])
        }
        guard problems.isEmpty else { throw ServiceError.invalid(problems.items) }
        try await refuseTaken(target, managed)
        if mutation.dryRun { return .plan(DryRun(steps: ["check", "create"])) }
        return .job(try await enqueue("volume.create", target, mutation))
    }

    /// nil without it, or without its pool.
    private func base(_ reference: VolumeReference, _ managed: ManagedHost) async throws -> VolumeObservation? {
        do {
            return try await managed.refresh(reference)
        } catch {
            if error.code == .poolNotFound { return nil }
            throw error
        }
    }

    private func refuseTaken(_ target: VolumeTarget, _ managed: ManagedHost) async throws {
        if try await managed.refresh(target.volume) != nil { throw ServiceError(VolumeSteps.taken(target.volume)) }
        try refuseUnfinished(target)
    }

    /// The name is promised to an upload that is not over.
    func refuseUnfinished(_ target: VolumeTarget) throws {
        guard let upload = try uploads.record(target.volume, on: target.host) else { return }
        throw ServiceError(
            "volume.unfinished", .conflict, "an upload of volume '\(target.volume)' is not over: \(upload.offset) of \(upload.total) bytes",
            hints: ["go on with Content-Range", "or DELETE the volume"],
            details: JSONObject([("upload_offset", .integer(upload.offset))]))
    }

    func enqueue(_ kind: String, _ target: VolumeTarget, _ mutation: Mutation, id: JobID? = nil) async throws -> Job {
        let key = "\(target.host)/\(target.volume)"
        let reservations = ["volume.delete", "volume.resize"].contains(kind) ? [] : ["volume:\(key)"]
        var locks = [LockRequest("pool:\(target.host)/\(target.volume.pool)", .shared), LockRequest("volume:\(key)", .exclusive)]
        if let backing = target.backing { locks.append(LockRequest("volume:\(target.host)/\(backing)", .shared)) }
        return try await desk.enqueue(
            JobRequest(
                id: try id ?? desk.newID(), kind: kind, arguments: target.json, resources: [VolumeState.path(target.volume)], locks: locks,
                reservations: reservations, host: target.host.text, priority: kind == "volume.upload" ? .bulk : .user), mutation)
    }

    package func deleteVolume(
        pool: String, volume: String, host: String?, missingOK: Bool, _ mutation: Mutation
    ) async throws -> Outcome<VolumeState> {
        let state: VolumeState
        do {
            state = try await self.volume(pool: pool, volume: volume, host: host)
        } catch {
            if error.code == "volume.not_found", let upload = try unfinished(pool, volume, host) {
                return try await deleteUpload(upload, mutation)
            }
            guard missingOK && error.code == "volume.not_found" else { throw error }
            return .absent
        }
        try hosts.require(state.host).requireOnline()
        try hosts.fleet.requireOwnWays(state.reference, on: state.host)
        let inTheWay = state.usedBy.map { "VM '\($0)'" } + state.children.map { "volume '\($0)'" }
        guard inTheWay.isEmpty else {
            let error = ServiceError(
                "volume.in_use", .conflict, "volume '\(state.reference)' is in use by \(inTheWay.joined(separator: ", "))",
                hints: ["delete or change what uses it first"],
                details: JSONObject([
                    ("used_by", .array(state.usedBy.map(JSONValue.string))), ("children", .array(state.children.map(JSONValue.string))),
                ]))
            if mutation.dryRun { return .plan(DryRun(refused: error)) }
            throw error
        }
        if let upload = try uploads.record(state.reference, on: state.host) { return try await deleteUpload(upload, mutation) }
        if mutation.dryRun { return .plan(DryRun(steps: ["delete"])) }
        return .job(try await enqueue("volume.delete", VolumeTarget(host: state.host, volume: state.reference), mutation))
    }

    private func unfinished(_ pool: String, _ volume: String, _ host: String?) throws(ServiceError) -> UploadRecord? {
        let pool = try self.pool(pool, host: host)
        return try? uploads.record(VolumeReference(pool: pool.name, volume: volume), on: pool.host)
    }

    /// An unfinished upload with the volume of its name: its own, or the one that it was to replace.
    private func deleteUpload(_ upload: UploadRecord, _ mutation: Mutation) async throws -> Outcome<VolumeState> {
        try hosts.require(upload.host).requireOnline()
        if mutation.dryRun { return .plan(DryRun(steps: ["delete", "forget"])) }
        var target = VolumeTarget(host: upload.host, volume: upload.volume)
        target.upload = upload.id
        return .job(try await enqueue("volume.delete", target, mutation))
    }
}
