internal import Hypervisor
package import JSON
internal import JobQueue

extension StorageService {
    // MARK: Making

    /// A new directory pool below one of the storage roots. Every fault of the request is told at once.
    package func createPool(_ body: JSONValue, _ mutation: Mutation) async throws -> Outcome<PoolState> {
        let problems = ProblemList()
        let reader = ObjectReader(body, problems: problems)
        reader.ignore("id", "state", "active", "persistent", "capacity_bytes", "allocation_bytes", "available_bytes", "usable")
        reader.ignore("volume_formats", "stale")
        let name = reader.objectName("name", required: true)
        let host = hosts.forMaking(reader.string("host", maxLength: 128), pointer: "/host", problems: problems)
        if problems.isEmpty || host?.state.reach == .online { try host?.requireOnline() }
        if let host { try await look(host) }
        let beside = host.map { hosts.fleet.pools($0.name) } ?? []
        try await checkType(reader, host)
        let path = self.path(reader, beside: beside.filter { $0.name != name })
        let autostart = reader.bool("autostart") ?? true
        reader.finish()
        guard problems.isEmpty, let host, let name, let path else { throw ServiceError.invalid(problems.items) }
        try await host.requireFeature(.definePools)
        if beside.contains(where: { $0.name == name }) { throw ServiceError(PoolSteps.taken(name, on: host.name)) }
        var change = PoolChange(host: host.name, name: name, uuid: try MachinePlanner.freshID().text)
        change.path = path
        change.autostart = autostart
        return try await enqueue("pool.create", change, mutation)
    }

    private func look(_ host: ManagedHost) async throws(ServiceError) {
        do { try await host.refreshPools() } catch { throw error.serviceError }
    }

    /// `type`, or `pool_type` as it stands in answers (where `type` says that it is a pool).
    private func checkType(_ reader: ObjectReader, _ host: ManagedHost?) async throws {
        for field in ["type", "pool_type"] {
            guard let type = reader.string(field, maxLength: 64), !PoolType.made.contains(type), field == "pool_type" || type != "pool"
            else { continue }
            let served = try? await host?.capabilities().poolTypes
            let isServed = served?.contains(type) ?? false
            reader.problem(
                field,
                isServed
                    ? "is served by this host but not made here: make it with another tool, and its volumes can be used"
                    : "is not a kind of pool that is made here", allowed: PoolType.made)
        }
    }

    private func path(_ reader: ObjectReader, beside: [PoolObservation]) -> String? {
        guard let text = reader.string("path", required: true, maxLength: 1024) else { return nil }
        guard let path = PoolPath.canonical(text) else {
            reader.problem("path", "is not a path that is taken", allowed: [PoolPath.form])
            return nil
        }
        guard storageRoots.contains(where: { PoolPath.isBelow(path, $0) }) else {
            reader.problem("path", "does not lie below a storage root of this daemon", allowed: storageRoots.map { "below \($0)" })
            return nil
        }
        if let state = PoolPath.reserved.first(where: { PoolPath.overlap(path, $0) }) {
            reader.problem("path", "overlaps \(state), where libvirt keeps its own state")
        }
        if let other = PoolSteps.overlap(path, beside) {
            reader.problem("path", "overlaps \(other.path ?? "") of pool '\(other.name)' on this host")
        }
        return path
    }

    private func enqueue(_ kind: String, _ change: PoolChange, _ mutation: Mutation) async throws -> Outcome<PoolState> {
        if mutation.dryRun {
            return .plan(DryRun(steps: try desk.engine.kind(kind)?.steps(change.json).map(\.name) ?? []))
        }
        let isLook = kind == "pool.refresh"
        var locks = [LockRequest("host:\(change.host)", .shared), LockRequest(change.reservation, isLook ? .shared : .exclusive)]
        // Which directories are taken is settled by one job at a time.
        if kind == "pool.create" { locks.append(LockRequest("pools:\(change.host)", .exclusive)) }
        return .job(
            try await desk.enqueue(
                JobRequest(
                    id: try desk.newID(), kind: kind, arguments: change.json, resources: [PoolState.path(change.name)], locks: locks,
                    reservations: kind == "pool.create" ? [change.reservation] : [], host: change.host.text), mutation))
    }

    // MARK: Changing

    /// A merge patch of autostart and active. What only answers have is taken if unchanged.
    package func updatePool(_ pool: PoolState, patch: JSONValue, _ mutation: Mutation) async throws -> Outcome<PoolState> {
        let managed = try hosts.require(pool.host)
        try managed.requireOnline()
        try await look(managed)
        let pool = try self.pool(pool.name, host: pool.host.text)
        let problems = ProblemList()
        let reader = ObjectReader(patch, problems: problems)
        var change = PoolChange(host: pool.host, name: pool.name, uuid: pool.observation.uuid)
        change.autostart = reader.bool("autostart")
        change.active = reader.bool("active")
        if !pool.observation.isPersistent, change.autostart == true {
            reader.problem("autostart", "a pool without a definition cannot be started with its host")
        }
        // They move by themselves between the GET and the PATCH; `state` follows `active`.
        reader.ignore("capacity_bytes", "allocation_bytes", "available_bytes", "state", "usable", "stale")
        let readOnly = ReadOnlyFields(
            pool,
            except: ["autostart", "active", "state", "capacity_bytes", "allocation_bytes", "available_bytes", "usable", "stale"]
        ).check(reader)
        reader.finish()
        guard problems.isEmpty else { throw readOnly.error(problems) }
        change.wasAutostart = pool.observation.autostart
        if change.autostart == pool.observation.autostart { change.autostart = nil }
        if change.active == pool.observation.isActive { change.active = nil }
        guard change.autostart != nil || change.active != nil else { return mutation.dryRun ? .plan(DryRun()) : .unchanged(pool) }
        if change.active == false {
            let running = VolumeUse(fleet: hosts.fleet, host: pool.host).users(ofPool: pool.observation).filter(\.state.isActive)
            guard running.isEmpty else { throw inUse(pool, running, "must be off for that") }
        }
        return try await enqueue("pool.update", change, mutation)
    }

    private func inUse(_ pool: PoolState, _ users: [MachineView], _ what: String) -> ServiceError {
        var error = ServiceError(PoolSteps.inUse(pool.name, users.map(\.name), what))
        error.details["used_by"] = .array(users.map { .string($0.name) })
        return error
    }

    /// Has the host look at the pool again, for files that came or went without it.
    package func refreshPool(_ name: String, host: String?, _ mutation: Mutation) async throws -> Outcome<PoolState> {
        let pool = try self.pool(name, host: host)
        try hosts.require(pool.host).requireOnline()
        guard pool.observation.isActive else {
            throw ServiceError(
                "pool.inactive", .state, "pool '\(name)' on host '\(pool.host)' is not active",
                hints: ["PATCH /v1/pools/\(name) {\"active\": true} starts it"])
        }
        return try await enqueue("pool.refresh", PoolChange(host: pool.host, name: name, uuid: pool.observation.uuid), mutation)
    }

    // MARK: Deleting

    private func lookInside(_ pool: String, _ host: ManagedHost) async throws(ServiceError) {
        do {
            try await host.connection.refreshPool(pool)
            try await host.refresh(pool: pool)
        } catch {
            throw error.serviceError
        }
    }

    /// Takes the pool's definition away. Files are never deleted: a pool that has any is refused.
    package func deletePool(_ name: String, host: String?, missingOK: Bool, _ mutation: Mutation) async throws -> Outcome<PoolState> {
        let pool: PoolState
        do {
            pool = try self.pool(name, host: host)
        } catch {
            guard missingOK && error.code == "pool.not_found" else { throw error }
            try hosts.requireAllListed(host)
            return .absent
        }
        let managed = try hosts.require(pool.host)
        try managed.requireOnline()
        try await managed.requireFeature(.definePools)
        // What lies in it now, not what was seen last: files come and go without an event.
        if pool.observation.isActive { try await lookInside(name, managed) }
        do {
            let users = VolumeUse(fleet: hosts.fleet, host: pool.host).users(ofPool: pool.observation)
            guard users.isEmpty else { throw inUse(pool, users, "can be deleted when nobody does") }
            let left = PoolSteps.content(hosts.fleet.volumes(in: name, on: pool.host), of: pool.observation.type)
            guard left.isEmpty else { throw ServiceError(PoolSteps.notEmpty(name, left)) }
        } catch let error as ServiceError where mutation.dryRun {
            return .plan(DryRun(refused: error))
        }
        return try await enqueue("pool.delete", PoolChange(host: pool.host, name: name, uuid: pool.observation.uuid), mutation)
    }
}
