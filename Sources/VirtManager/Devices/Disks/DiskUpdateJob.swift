internal import Hypervisor
package import JSON
package import JobQueue

/// `disk.update`: a disk grows, a drive gets another medium, options change for the next boot. Forward only.
package struct DiskUpdateJob: JobKind {
    package let name = "disk.update"
    package let isUndoable = false
    let world: JobWorld

    package init(_ world: JobWorld) { self.world = world }

    package func steps(_ arguments: JSONValue) throws(JobFailure) -> [JobStep] {
        guard let wanted = DiskUpdate(json: arguments) else { throw unreadableArguments(name) }
        let devices = DeviceSteps(world: world, host: wanted.host, machine: wanted.id)
        var steps = [check(wanted, devices)]
        if let bytes = wanted.bytes { steps.append(resize(wanted, bytes, devices)) }
        if wanted.media.isGiven { steps.append(changeMedium(wanted, devices)) }
        if wanted.media.isGiven || wanted.hasOptions { steps.append(define(wanted, devices)) }
        return steps
    }

    private func check(_ wanted: DiskUpdate, _ devices: DeviceSteps) -> JobStep {
        let growth = DiskGrowth(world: world)
        return devices.check { [world] host, seen in
            guard let disk = seen.disk(wanted.target) else { throw DiskRules.unknown(wanted.target, seen) }
            if let bytes = wanted.bytes { try await growth.check(disk, bytes, host) }
            if case .set(let medium) = wanted.media { _ = try await MediumRules(world: world, host: host).require(medium, for: wanted.id) }
            if case .set(let order) = wanted.bootOrder,
                let other = seen.defined.disks.first(where: { $0.bootOrder == order && $0.target != wanted.target })
            {
                throw DiskRules.orderTaken(order, by: other.target)
            }
        }
    }

    /// Through the hypervisor where it has the file open, so that the guest is told; else the file alone.
    private func resize(_ wanted: DiskUpdate, _ bytes: Int64, _ devices: DeviceSteps) -> JobStep {
        let growth = DiskGrowth(world: world)
        return JobStep(
            "resize", .ensure,
            probe: { [world] _ in
                try await world.probe(wanted.host) { host in
                    let seen = try await devices.look(host)
                    guard let disk = seen.disk(wanted.target) else { throw DiskRules.unknown(wanted.target, seen) }
                    guard try await growth.volume(of: disk, host).capacityBytes >= bytes else { return .absent }
                    return .done((seen.live?.disk(wanted.target) == nil ? Applied.definition : .live).observed("size"))
                }
            },
            act: { [world] _ in
                let host = try world.host(wanted.host)
                let seen = try await devices.look(host)
                guard let disk = seen.disk(wanted.target) else { throw DiskRules.unknown(wanted.target, seen) }
                let volume = try await growth.volume(of: disk, host)
                if seen.live?.disk(wanted.target) != nil {
                    try await host.connection.resizeDisk(wanted.id, target: wanted.target, toBytes: bytes)
                } else {
                    try await host.connection.resizeVolume(volume.reference, toBytes: bytes)
                }
            })
    }

    private func changeMedium(_ wanted: DiskUpdate, _ devices: DeviceSteps) -> JobStep {
        let refusal = DeviceSteps.Refusal()
        return JobStep(
            "change-medium", .ensure,
            probe: { [world] _ in
                try await world.probe(wanted.host) { host in
                    let seen = try await devices.look(host)
                    guard let live = seen.live else { return .done(Applied.definition.observed("media")) }
                    guard let drive = live.disk(wanted.target) else { return .done(Applied.nextBoot.observed("media")) }
                    if try await medium(wanted, host)?.path == drive.path { return .done(Applied.live.observed("media")) }
                    return refusal.reason == nil ? .absent : .done(Applied.nextBoot.observed("media"))
                }
            },
            act: { [world] context in
                let host = try world.host(wanted.host)
                let source = try await medium(wanted, host)
                guard let drive = try await devices.look(host).live?.disk(wanted.target), drive.path != source?.path else { return }
                try await refusal.note(context) { () async throws(HypervisorError) in
                    try await host.connection.editLive(wanted.id, .setSource(target: wanted.target, source))
                }
            })
    }

    /// nil: the drive is to be empty.
    private func medium(_ wanted: DiskUpdate, _ host: ManagedHost) async throws -> DiskSpec.Source? {
        guard case .set(let reference) = wanted.media else { return nil }
        return try await MediumRules(world: world, host: host).require(reference, for: wanted.id)
    }

    private func define(_ wanted: DiskUpdate, _ devices: DeviceSteps) -> JobStep {
        JobStep(
            "define", .ensure,
            probe: { [world] _ in
                try await world.probe(wanted.host) { host in
                    let seen = try await devices.look(host)
                    guard try await edits(wanted, seen, host).isEmpty else { return .absent }
                    guard wanted.hasOptions else { return .done }
                    return .done((seen.state.isActive ? Applied.nextBoot : .definition).observed("options"))
                }
            },
            act: { [world] _ in
                let host = try world.host(wanted.host)
                let edits = try await edits(wanted, try await devices.look(host), host)
                if !edits.isEmpty { try await host.connection.edit(wanted.id, edits) }
            })
    }

    private func edits(_ wanted: DiskUpdate, _ seen: MachineObservation, _ host: ManagedHost) async throws -> [MachineEdit] {
        guard let disk = seen.defined.disk(wanted.target) else { return [] }
        var edits: [MachineEdit] = []
        if wanted.media.isGiven {
            let source = try await medium(wanted, host)
            if source?.path != disk.path { edits.append(.setSource(target: wanted.target, source)) }
        }
        if let options = wanted.options(over: disk) { edits.append(options) }
        return edits
    }

    package func result(_ context: StepContext) async throws -> JSONValue? {
        guard let wanted = DiskUpdate(json: context.arguments) else { return nil }
        return try await DeviceResult(world: world, host: wanted.host, machine: wanted.id).json(
            context, [("disk", ["target": .string(wanted.target)])])
    }
}
