internal import Hypervisor
package import JSON
package import JobQueue

/// `volume.resize`: a volume that is in nobody's hands grows. Forward only: nothing shrinks.
package struct VolumeResizeJob: JobKind {
    package let name = "volume.resize"
    package let isUndoable = false
    let world: JobWorld

    package init(_ world: JobWorld) { self.world = world }

    package func steps(_ arguments: JSONValue) throws(JobFailure) -> [JobStep] {
        guard let target = VolumeTarget(json: arguments), let bytes = target.bytes else { throw unreadableArguments(name) }
        return [
            JobStep(
                "grow", .ensure,
                probe: { [world] _ in
                    try await world.probe(target.host) { host in
                        guard let found = try await host.refresh(target.volume) else { throw Self.gone(target) }
                        return found.capacityBytes >= bytes ? .done : .absent
                    }
                },
                act: { [world] _ in
                    let host = try world.host(target.host)
                    try await host.refreshForDeletion(of: [target.volume.pool])
                    guard let found = try await host.refresh(target.volume) else { throw Self.gone(target) }
                    guard found.capacityBytes < bytes else { return }
                    if let refusal = Self.refusal(found, VolumeUse(fleet: world.fleet, host: host.name)) { throw refusal }
                    // A guest can write any header into a raw volume, and the host would follow it instead of growing the file.
                    let stated = try world.volumes.record(target.volume, on: host.name)?.format
                    guard stated == nil || stated == found.format else {
                        throw JobFailure(
                            "volume.format_hidden", category: "state",
                            detail: "volume '\(target.volume)' is \(stated ?? ""), and the host takes it for \(found.format)",
                            hints: ["attach it to a VM and grow it there"])
                    }
                    try await host.connection.resizeVolume(target.volume, toBytes: bytes)
                })
        ]
    }

    /// Why it may not grow now: a machine that is on sees the old size, an overlay has it in its header.
    static func refusal(_ volume: VolumeObservation, _ use: VolumeUse) -> JobFailure? {
        let users = use.users(of: volume.reference, path: volume.path).filter { $0.state.isActive || $0.state == .saved }
        if let user = users.first {
            let target = user.disks.first { $0.volume == volume.reference }?.observation.target
            return JobFailure(
                "volume.in_use", category: "conflict",
                detail: "volume '\(volume.reference)' is in use by \(users.map { "VM '\($0.name)'" }.joined(separator: ", ")), which is on",
                hints: target.map { ["PATCH \(user.path)/disks/\($0) {\"size\"} grows it while the VM runs"] } ?? [])
        }
        let children = use.children(ofPath: volume.path)
        guard !children.isEmpty else { return nil }
        return JobFailure(
            "volume.in_use", category: "conflict",
            detail: "volumes stand on '\(volume.reference)': \(children.map(\.description).joined(separator: ", "))")
    }

    private static func gone(_ target: VolumeTarget) -> JobFailure {
        JobFailure("volume.not_found", category: "not_found", detail: "volume '\(target.volume)' is gone")
    }

    package func result(_ context: StepContext) async throws -> JSONValue? { VolumeTarget(json: context.arguments)?.result }
}
