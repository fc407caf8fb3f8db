internal import Hypervisor
internal import JSON
internal import JobQueue

/// The steps on a pool that several job kinds share. Each brings about a state and may be repeated. Files are never deleted.
struct PoolSteps {
    let world: JobWorld
    let change: PoolChange

    private var name: String { change.name }

    private enum Sight {
        case absent
        case there(PoolObservation)
        /// Of that name, with another UUID: somebody else's.
        case foreign

        var pool: PoolObservation? { if case .there(let pool) = self { pool } else { nil } }
    }

    private func look(_ host: ManagedHost) async throws -> Sight {
        try await host.refreshPools()
        guard let found = world.fleet.pools(host.name).first(where: { $0.name == name }) else { return .absent }
        if let uuid = change.uuid, let other = found.uuid, uuid != other { return .foreign }
        return .there(found)
    }

    /// A step whose effect shows in the pool; `isSo` of nil: of one that is not there.
    private func step(
        _ step: String, _ stepClass: JobStep.Class = .ensure, foreignIsGone: Bool = false,
        isSo: @escaping @Sendable (PoolObservation?) -> Bool,
        act: @escaping @Sendable (ManagedHost, PoolObservation?) async throws -> Void,
        undo: (@Sendable (ManagedHost, PoolObservation) async throws -> Void)? = nil
    ) -> JobStep {
        JobStep(
            step, stepClass,
            probe: { [world, change] _ in
                try await world.probe(change.host) { host in
                    let sight = try await look(host)
                    if case .foreign = sight, !foreignIsGone {
                        return .foreign("a pool '\(change.name)' is on host '\(host.name)' that is not the one meant")
                    }
                    return isSo(sight.pool) ? .done : .absent
                }
            },
            act: { [world, change] _ in
                let host = try world.host(change.host)
                let sight = try await look(host)
                if case .foreign = sight {
                    if foreignIsGone { return }
                    throw Self.taken(change.name, on: host.name)
                }
                if !isSo(sight.pool) { try await act(host, sight.pool) }
            },
            undo: undo.map { backwards($0) })
    }

    private func backwards(
        _ undo: @escaping @Sendable (ManagedHost, PoolObservation) async throws -> Void
    ) -> @Sendable (StepContext) async throws -> Void {
        { [world, change] _ in
            let host = try world.host(change.host)
            if let found = try await look(host).pool { try await undo(host, found) }
        }
    }

    // MARK: Making

    /// Fails if the name or the place is taken: under the lock of all pools, so that what `define` finds later is ours.
    func requireFree(_ path: String) -> JobStep {
        JobStep(
            "check", .pure,
            probe: { [world, change] _ in
                try await world.probe(change.host) { host in
                    try await host.refreshPools()
                    let pools = world.fleet.pools(host.name)
                    if pools.contains(where: { $0.name == change.name && $0.uuid != change.uuid }) {
                        throw Self.taken(change.name, on: host.name)
                    }
                    if let other = Self.overlap(path, pools.filter({ $0.name != change.name })) {
                        throw JobFailure(
                            "pool.overlaps", category: "conflict",
                            detail: "'\(path)' overlaps '\(other.path ?? "")' of pool '\(other.name)' on host '\(host.name)'",
                            hints: ["choose another path"])
                    }
                    return .done
                }
            },
            act: { _ in })
    }

    static func overlap(_ path: String, _ pools: [PoolObservation]) -> PoolObservation? {
        pools.first { other in other.path.flatMap(PoolPath.canonical).map { PoolPath.overlap(path, $0) } ?? false }
    }

    func define(_ spec: PoolSpec) -> JobStep {
        step(
            "define", .probeable, isSo: { $0 != nil },
            act: { host, _ in
                do {
                    try await host.connection.definePool(spec)
                } catch let error as HypervisorError where error.code == .alreadyExists {
                    throw Self.taken(spec.name, on: host.name, error)
                }
            },
            undo: { host, found in
                if found.isActive { try await host.connection.stopPool(found.name) }
                try await host.connection.undefinePool(found.name)
            })
    }

    // MARK: Changing

    func start() -> JobStep {
        step(
            "start", isSo: { $0?.isActive ?? false },
            act: { [change] host, found in
                guard found != nil else { throw gone() }
                try await host.connection.startPool(change.name)
                try await host.refresh(pool: change.name)
            },
            undo: { host, found in if found.isActive { try await host.connection.stopPool(found.name) } })
    }

    /// Refused while a machine that is on has something in it.
    func stop() -> JobStep {
        step(
            "stop", isSo: { !($0?.isActive ?? false) },
            act: { [world] host, found in
                guard let found else { return }
                try await host.refreshAll()
                let running = VolumeUse(fleet: world.fleet, host: host.name).users(ofPool: found).filter(\.state.isActive)
                guard running.isEmpty else { throw Self.inUse(found.name, running.map(\.name), "must be off for that") }
                try await host.connection.stopPool(found.name)
            },
            undo: { host, found in if !found.isActive { try await host.connection.startPool(found.name) } })
    }

    func autostart(_ isOn: Bool) -> JobStep {
        step(
            "autostart", isSo: { $0?.autostart == isOn },
            act: { host, found in
                guard let found else { throw gone() }
                try await host.connection.setPoolAutostart(found.name, isOn)
            },
            undo: { [change] host, found in try await host.connection.setPoolAutostart(found.name, change.wasAutostart) })
    }

    /// Has the host look at what lies in it now. The look is the effect: nothing else tells whether it was done.
    func refresh() -> JobStep {
        JobStep(
            "refresh", .pure,
            probe: { [world, change] _ in
                try await world.probe(change.host) { host in
                    try await host.connection.refreshPool(change.name)
                    try await host.refreshPools()
                    try await host.refresh(pool: change.name)
                    return .done
                }
            },
            act: { _ in })
    }

    // MARK: Deleting

    /// Stops it if the host shows nothing in it and nobody who uses it. Forward only.
    func stopUnused() -> JobStep {
        step(
            "stop", foreignIsGone: true, isSo: { !($0?.isActive ?? false) },
            act: { [world] host, found in
                guard let found else { return }
                try await host.connection.refreshPool(found.name)
                try await requireUnused(found, on: host)
                // Of an inactive pool they stay: it may hold files that nobody sees, and come back.
                try await world.volumes.deleteAll(in: found.name, on: host.name)
                try await host.connection.stopPool(found.name)
            })
    }

    /// Takes the definition away, after another look. Forward only.
    func undefine() -> JobStep {
        step(
            "undefine", foreignIsGone: true, isSo: { $0 == nil },
            act: { host, found in
                guard let found else { return }
                try await requireUnused(found, on: host)
                // Somebody may have started it again meanwhile.
                if found.isActive { try await host.connection.stopPool(found.name) }
                if found.isPersistent { try await host.connection.undefinePool(found.name) }
            })
    }

    /// Asks the host: the inventory may be behind.
    private func requireUnused(_ pool: PoolObservation, on host: ManagedHost) async throws {
        try await host.refreshAll()
        let use = VolumeUse(fleet: world.fleet, host: host.name)
        let unreadable = use.unreadable.map { "\($0.name) (its definition cannot be read, so maybe)" }
        let users = use.users(ofPool: pool).map(\.name) + unreadable
        guard users.isEmpty else { throw Self.inUse(name, users, "can be deleted when nobody does") }
        let left = Self.content(world.fleet.volumes(in: name, on: host.name), of: pool.type)
        guard left.isEmpty else { throw Self.notEmpty(name, left) }
    }

    /// What counts as content: not the folders of a file system, such as `lost+found`, and not what is given from outside, which
    /// nobody could take out first.
    static func content(_ volumes: [VolumeObservation], of type: String) -> [String] {
        if PoolType.formats(of: type).isEmpty { return [] }
        return volumes.filter { $0.format != "dir" }.map(\.reference.volume).sorted()
    }

    // MARK: Refusals

    private func gone() -> JobFailure {
        JobFailure("pool.not_found", category: "not_found", detail: "pool '\(name)' is not on host '\(change.host)' any more")
    }

    static func taken(_ name: String, on host: HostName, _ error: HypervisorError? = nil) -> JobFailure {
        var failure = JobFailure(
            "pool.exists", category: "conflict", detail: "another pool '\(name)' is on host '\(host)' already",
            hints: ["choose another name, or delete that pool first"], native: error?.nativeJSON)
        failure.isForeign = true
        return failure
    }

    static func inUse(_ name: String, _ users: [String], _ what: String) -> JobFailure {
        JobFailure(
            "pool.in_use", category: "conflict",
            detail: "volumes of pool '\(name)' are in use by \(users.map { "VM '\($0)'" }.joined(separator: ", ")), which \(what)")
    }

    static func notEmpty(_ name: String, _ volumes: [String]) -> JobFailure {
        let shown = volumes.prefix(10).map { "'\($0)'" }.joined(separator: ", ")
        return JobFailure(
            "pool.not_empty", category: "conflict",
            detail: "pool '\(name)' still has \(volumes.count) volumes: \(shown)\(volumes.count > 10 ? " …" : "")",
            hints: ["delete or move its volumes first: deleting a pool never deletes files"])
    }
}
