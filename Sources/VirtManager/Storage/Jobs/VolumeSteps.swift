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
            probe: { [world, host] _ in
                try await world.probe(host) { host in
                    try await host.refresh(reference) == nil ? .absent : .done
                }
            },
            act: { [world, host] _ in
                let host = try world.host(host)
                do {
                    try await host.connection.createVolume(try await spec(host))
                } catch let error as HypervisorError where error.code == .alreadyExists && !isOurName {
                    throw Self.taken(reference, error)
                }
            },
            undo: { [world, host] _ in
                let host = try world.host(host)
                try await host.connection.deleteVolume(reference)
                try await host.refresh(reference)
            })
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

    /// Deletes a volume that nobody uses. Forward only.
    func delete(_ step: String, _ reference: VolumeReference, except machine: MachineID? = nil) -> JobStep {
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
                guard let found = try await host.refresh(reference) else { return }
                let use = VolumeUse(fleet: world.fleet, host: host.name)
                let users = use.users(of: reference, path: found.path).filter { $0.id != machine }.map { "VM '\($0.name)'" }
                let children = use.children(ofPath: found.path).map { "volume '\($0)'" }
                guard users.isEmpty, children.isEmpty else {
                    throw JobFailure(
                        "volume.in_use", category: "conflict",
                        detail: "volume '\(reference)' is in use by \((users + children).joined(separator: ", "))")
                }
                try await host.connection.deleteVolume(reference)
                context.log("deleted volume \(reference)")
            })
    }

    static func taken(_ reference: VolumeReference, _ error: HypervisorError? = nil) -> JobFailure {
        var failure = JobFailure(
            "volume.exists", category: "conflict", detail: "a volume '\(reference.volume)' is in pool '\(reference.pool)' already",
            hints: ["choose another name, or delete that volume first"], native: error?.nativeJSON)
        failure.isForeign = true
        return failure
    }
}
