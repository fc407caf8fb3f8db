internal import Hypervisor
package import JSON
package import JobQueue

/// `volume.create`: a new, empty volume, or an overlay on another.
package struct VolumeCreateJob: JobKind {
    package let name = "volume.create"
    let world: JobWorld

    package init(_ world: JobWorld) { self.world = world }

    package func steps(_ arguments: JSONValue) throws(JobFailure) -> [JobStep] {
        guard let target = VolumeTarget(json: arguments) else { throw unreadableArguments(name) }
        let steps = VolumeSteps(world: world, host: target.host)
        return [
            steps.requireAbsent(target.volume),
            steps.make("create", target.volume, isOurName: false) { [world] host in
                var backing: VolumeSpec.Backing?
                var bytes = target.bytes
                if let wanted = target.backing {
                    guard let base = try await world.volume(wanted, on: host) else {
                        throw JobFailure("volume.not_found", category: "not_found", detail: "volume '\(wanted)' is gone")
                    }
                    if let writer = VolumeUse(fleet: world.fleet, host: host.name).writers(of: wanted, path: base.path).first {
                        throw JobFailure(
                            "volume.in_use", category: "conflict", detail: "volume '\(wanted)' is written to by VM '\(writer.name)'")
                    }
                    backing = .init(path: wanted.pool == target.volume.pool ? wanted.volume : base.path, format: base.format)
                    bytes = bytes ?? base.capacityBytes
                }
                return VolumeSpec(reference: target.volume, format: target.format, capacityBytes: bytes, backing: backing)
            },
        ]
    }

    package func result(_ context: StepContext) async throws -> JSONValue? { VolumeTarget(json: context.arguments)?.result }
}
