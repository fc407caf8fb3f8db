internal import Hypervisor
package import JSON
package import JobQueue
internal import Platform

/// `vm.update`: name, hardware, description, labels and the like, in place. Forward only; the definition first, which the host
/// checks as a whole, then what the running machine can take at once.
package struct MachineUpdateJob: JobKind {
    package let name = "vm.update"
    package let isUndoable = false
    let world: JobWorld

    package init(_ world: JobWorld) { self.world = world }

    package func steps(_ arguments: JSONValue) throws(JobFailure) -> [JobStep] {
        guard let update = MachineUpdate(json: arguments) else { throw unreadableArguments(name) }
        var steps: [JobStep] = []
        if update.hasHardware || update.name != nil { steps.append(check(update)) }
        if let name = update.name { steps.append(rename(update, name)) }
        if update.hasHardware { steps.append(define(update)) }
        if let vcpus = update.vcpus { steps.append(setVCPUs(update, vcpus)) }
        if let memory = update.memoryBytes { steps.append(setMemory(update, memory)) }
        if update.hasChange { steps.append(change(update)) }
        return steps
    }

    private func look(_ update: MachineUpdate, _ host: ManagedHost) async throws -> MachineObservation {
        guard let seen = try await host.refresh(update.id) else { throw DeviceRules.gone(update.id, update.host) }
        return seen
    }

    // MARK: Check and name

    private func check(_ update: MachineUpdate) -> JobStep {
        DeviceSteps(world: world, host: update.host, machine: update.id).check { host, seen in
            if let name = update.name, seen.name != name {
                if seen.state.isActive { throw MachineUpdateRules.active(seen) }
                if let other = world.fleet.machines(name: name).first(where: { $0.id != update.id }) {
                    throw MachineUpdateRules.taken(name, by: other)
                }
            }
            if update.hasHardware { _ = try await hardware(update, seen, host).edits(over: seen.defined) }
        }
    }

    private func rename(_ update: MachineUpdate, _ name: String) -> JobStep {
        JobStep(
            "rename", .ensure,
            probe: { [world] _ in
                try await world.probe(update.host) { host in
                    try await look(update, host).name == name ? .done(Applied.definition.observed("name")) : .absent
                }
            },
            act: { [world] _ in
                do {
                    try await world.host(update.host).connection.rename(update.id, to: name)
                } catch let error as HypervisorError where error.code == .alreadyExists {
                    var failure = JobFailure("vm.exists", category: "conflict", detail: error.message, native: error.nativeJSON)
                    failure.isForeign = true
                    throw failure
                }
            })
    }

    // MARK: Hardware

    private func define(_ update: MachineUpdate) -> JobStep {
        JobStep(
            "define", .ensure,
            probe: { [world] _ in
                try await world.probe(update.host) { host in
                    let seen = try await look(update, host)
                    guard try await hardware(update, seen, host).edits(over: seen.defined).isEmpty else { return .absent }
                    return .done(Self.applied(update, seen))
                }
            },
            act: { [world] _ in
                let host = try world.host(update.host)
                let seen = try await look(update, host)
                let edits = try await hardware(update, seen, host).edits(over: seen.defined)
                if !edits.isEmpty { try await host.connection.edit(update.id, edits) }
            })
    }

    private func hardware(_ update: MachineUpdate, _ seen: MachineObservation, _ host: ManagedHost) async throws -> HardwareUpdate {
        HardwareUpdate(update: update, boot: try await BootResolution(world: world, host: host).boot(update.boot, over: seen.defined.boot))
    }

    /// Where the parts that only the definition has are in effect.
    private static func applied(_ update: MachineUpdate, _ seen: MachineObservation) -> JSONValue? {
        let parts: [(String, Bool)] = [
            ("vcpus_max", update.vcpusMax.isGiven), ("memory_max", update.memoryMaxBytes.isGiven), ("cpu", update.cpu.isGiven),
            ("machine", update.machineType != nil), ("accel", update.accel != nil), ("boot", update.boot.isGiven),
        ]
        let word = JSONValue.string((seen.state.isActive ? Applied.nextBoot : .definition).rawValue)
        let fields = parts.filter(\.1).map { ($0.0, word) }
        return fields.isEmpty ? nil : ["applied": .object(JSONObject(fields))]
    }

    private func setVCPUs(_ update: MachineUpdate, _ count: Int) -> JobStep {
        live(
            update, "vcpus", .setVCPUs(count), patience: .seconds(3), isSo: { $0.vcpus == count },
            isWithin: { MachineUpdateRules.takesProcessors(count, $0) })
    }

    /// The balloon follows when the guest has given the memory back, or taken it.
    private func setMemory(_ update: MachineUpdate, _ bytes: Int64) -> JobStep {
        live(
            update, "memory", .setMemory(bytes), patience: .seconds(5), isSo: { $0.memoryBytes == bytes },
            isWithin: { bytes <= $0.memoryMaxBytes })
    }

    /// A change to the running machine that the guest has to take part in; one that does not leaves it to its next boot.
    private func live(
        _ update: MachineUpdate, _ field: String, _ edit: MachineEdit, patience: Duration,
        isSo: @escaping @Sendable (MachineHardware) -> Bool, isWithin: @escaping @Sendable (MachineHardware) -> Bool
    ) -> JobStep {
        let refusal = DeviceSteps.Refusal()
        return JobStep(
            field, .ensure,
            probe: { [world] _ in
                try await world.probe(update.host) { host in
                    guard let live = try await look(update, host).live else { return .done(Applied.definition.observed(field)) }
                    if isSo(live) { return .done(Applied.live.observed(field)) }
                    return isWithin(live) && refusal.reason == nil ? .absent : .done(Applied.nextBoot.observed(field))
                }
            },
            act: { [world] context in
                let host = try world.host(update.host)
                guard let live = try await look(update, host).live, isWithin(live), !isSo(live) else { return }
                try await refusal.note(context, isRefusal: { $0.code == .unsupported || $0.code == .operationFailed }) {
                    () async throws(HypervisorError) in try await host.connection.editLive(update.id, edit)
                }
                let isReached = try await PowerSteps.wait(world, host, update.id, for: patience) { seen in
                    seen?.live.map(isSo) ?? true
                }
                if !isReached, refusal.reason == nil {
                    refusal.set("the guest has not followed")
                    context.log("the guest has not followed within \(Int(patience.milliseconds / 1000)) s; its next boot has it so")
                }
            })
    }

    // MARK: The rest

    private func change(_ update: MachineUpdate) -> JobStep {
        JobStep(
            "update", .ensure,
            probe: { [world] _ in
                try await world.probe(update.host) { host in update.change(of: try await look(update, host)) == nil ? .done : .absent }
            },
            act: { [world] _ in
                let host = try world.host(update.host)
                if let change = update.change(of: try await look(update, host)) {
                    try await host.connection.change(update.id, change)
                }
            })
    }

    package func result(_ context: StepContext) async throws -> JSONValue? {
        guard let update = MachineUpdate(json: context.arguments) else { return nil }
        return try await DeviceResult(world: world, host: update.host, machine: update.id).json(context)
    }
}
