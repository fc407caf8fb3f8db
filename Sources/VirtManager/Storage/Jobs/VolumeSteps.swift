internal import Hypervisor
internal import JSON
internal import JobQueue

/// The steps on volumes that several job kinds share.
struct VolumeSteps {
    let world: JobWorld
    let host: HostName

    /// Makes a volume. `isOurName`: the name carries the job's id, so whatever bears it is ours.
    func make(
        _ step: String, _ reference: VolumeReference, isOurName: Bool, spec: @escaping @Sendable (ManagedHost) async throws -> VolumeSpec
    ) -> JobStep {
        JobStep(
            step, .probeable,
            probe: { [world, host] context in
                try await world.probe(host) { host in
                    guard let found = try await host.refresh(reference) else { return .absent }
                    // Nothing recorded says that we made it: then it must be as we would have made it, and untouched.
                    if !isOurName, context.observed[step] == nil, !Self.isPristine(found, try await spec(host), on: host) {
                        return .foreign("a volume '\(reference)' is there that this job did not make")
                    }
                    return .done(["made": true])
                }
            },
            act: { [world, host] context in
                let host = try world.host(host)
                let spec = try await spec(host)
                // Before the volume: a record without one says nothing, a volume without its record could be misread.
                try await world.volumes.write(.init(format: spec.format), bytes: 0, job: context.job.text, reference, on: host.name)
                do {
                    try await host.connection.createVolume(spec)
                } catch let error as HypervisorError where error.code == .alreadyExists && !isOurName {
                    throw Self.taken(reference, error)
                }
            },
            undo: { [world, host] _ in
                let host = try world.host(host)
                try await host.connection.deleteVolume(reference)
                try await host.refresh(reference)
                try await world.volumes.delete(reference, on: host.name)
            })
    }

    private static func isPristine(_ found: VolumeObservation, _ wanted: VolumeSpec, on host: ManagedHost) -> Bool {
        let type = host.fleet.pools(host.name).first { $0.name == found.reference.pool }?.type
        // Elsewhere a volume takes all its space when it is made, in whole units of its pool.
        let isFile = type.map(PoolType.isDirectory) ?? true
        let slack: Int64 = isFile ? 512 : 64 << 20
        let isAsLarge = wanted.capacityBytes.map { found.capacityBytes >= $0 && found.capacityBytes - slack < $0 } ?? true
        return found.format == wanted.format && isAsLarge && (!isFile || found.allocationBytes <= 1 << 20)
    }

    /// Fails if a volume of that name is there: under the lock, so that what `make` finds later is ours.
    func requireAbsent(_ reference: VolumeReference) -> JobStep {
        JobStep(
            "check", .pure,
            probe: { [world, host] _ in
                try await world.probe(host) { host in
                    if try await host.refresh(reference) != nil { throw Self.taken(reference) }
                    return .done
                }
            },
            act: { _ in })
    }

    /// Deletes a volume that nobody uses. Forward only. `of`: the machine it goes with, checked as a whole before.
    func delete(_ step: String, _ reference: VolumeReference, of machine: MachineID? = nil) -> JobStep {
        JobStep(
            step, .ensure,
            probe: { [world, host] _ in
                try await world.probe(host) { host in
                    do {
                        return try await host.refresh(reference) == nil ? .done : .absent
                    } catch let error as HypervisorError where error.code == .poolNotFound {
                        return .done
                    }
                }
            },
            act: { [world, host] context in
                let host = try world.host(host)
                if machine == nil { try await host.refreshForDeletion(of: [reference.pool]) }
                try await requireUnused([reference], of: machine)
                guard try await host.refresh(reference) != nil else { return }
                try await host.connection.deleteVolume(reference)
                try await world.volumes.delete(reference, on: host.name)
                context.log("deleted volume \(reference)")
            })
    }

    /// Refuses if anything but `machine` uses one of the volumes, by the inventory. Where a volume may be anybody's, as it goes
    /// without a machine or is only attached to it (`attached`), the definitions for the next boot are looked at too.
    func requireUnused(
        _ references: [VolumeReference], of machine: MachineID?, attached: [VolumeReference] = []
    ) async throws {
        let host = try world.host(host)
        let use = VolumeUse(fleet: world.fleet, host: host.name)
        let names = Set(references)
        var inTheWay = use.unreadable.map { "VM '\($0.name)' (its definition cannot be read, so maybe)" }
        for reference in references {
            guard let found = world.fleet.lastSeen(reference, on: host.name) else { continue }
            inTheWay += use.users(of: reference, path: found.path).filter { $0.id != machine }.map { "VM '\($0.name)'" }
            inTheWay += use.children(ofPath: found.path).filter { !names.contains($0) }.map { "volume '\($0)'" }
            if machine == nil || attached.contains(reference) {
                let names = try await use.defined(reference, path: found.path, on: host, except: machine)
                inTheWay += names.map { "the next boot of VM '\($0)'" }
            }
        }
        guard inTheWay.isEmpty else {
            throw JobFailure(
                "volume.in_use", category: "conflict",
                detail: "\(references.map { "volume '\($0)'" }.joined(separator: ", ")): in use by \(inTheWay.joined(separator: ", "))")
        }
    }

    /// Looks at the hosts' volumes anew, then refuses if anything but that machine uses one of those that go with it. What is its
    /// own has a name of ours; what is only attached may be anybody's base, so everything is looked at. Inactive pools show
    /// nothing: their volumes fail when they are to go.
    func requireUnused(_ references: [VolumeReference], goingWith machine: MachineObservation) async throws {
        let host = try world.host(host)
        let owned = world.isOurs(machine) ? machine.metadata?.ownedVolumes ?? [] : []
        let attached = references.filter { !owned.contains($0) }
        let active = Set(world.fleet.pools(host.name).filter(\.isActive).map(\.name))
        let pools = Set(references.map(\.pool)).intersection(active)
        if attached.isEmpty { try await host.refreshVolumes(of: pools) } else { try await host.refreshForDeletion(of: pools) }
        try await requireUnused(references, of: machine.id, attached: attached)
    }

    static func taken(_ reference: VolumeReference, _ error: HypervisorError? = nil) -> JobFailure {
        var failure = JobFailure(
            "volume.exists", category: "conflict", detail: "a volume '\(reference.volume)' is in pool '\(reference.pool)' already",
            hints: ["choose another name, or delete that volume first"], native: error?.nativeJSON)
        failure.isForeign = true
        return failure
    }
}
