internal import Hypervisor
internal import JobQueue

/// Writes into the machine's mark which volumes go with it.
struct OwnershipStep {
    let world: JobWorld
    let host: HostName
    let machine: MachineID

    /// - Parameters:
    ///   - added: belongs to the machine then. nil: nothing comes.
    ///   - removed: belongs to it no more.
    ///   - onlyIfOwned: the new one takes the place of the old one, if that belonged to the machine.
    func make(
        _ name: String, add added: VolumeReference? = nil, remove removed: VolumeReference? = nil, onlyIfOwned: Bool = false,
        undoable: Bool = false
    ) -> JobStep {
        let after: @Sendable ([VolumeReference]) -> [VolumeReference] = { owned in
            if onlyIfOwned, let removed, !owned.contains(removed) { return owned }
            var owned = owned.filter { $0 != removed }
            if let added, !owned.contains(added) { owned.append(added) }
            return owned
        }
        let undo: @Sendable (StepContext) async throws -> Void = { [world, host] _ in
            try await write(try world.host(host)) { $0.filter { $0 != added } }
        }
        return JobStep(
            name, .ensure,
            probe: { [world, host] _ in
                try await world.probe(host) { host in
                    guard let owned = try await metadata(host)?.ownedVolumes else { return .done }
                    return after(owned) == owned ? .done : .absent
                }
            },
            act: { [world, host] _ in try await write(try world.host(host), after) },
            undo: undoable ? undo : nil)
    }

    private func metadata(_ host: ManagedHost) async throws -> MachineMetadata? {
        guard let seen = try await host.refresh(machine) else { throw DeviceRules.gone(machine, host.name) }
        return world.isOurs(seen) ? seen.metadata : nil
    }

    private func write(_ host: ManagedHost, _ change: @Sendable ([VolumeReference]) -> [VolumeReference]) async throws {
        guard var metadata = try await metadata(host) else { return }
        metadata.ownedVolumes = change(metadata.ownedVolumes)
        try await host.connection.change(machine, MachineChange(metadata: metadata))
    }
}
