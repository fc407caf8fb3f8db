internal import Hypervisor
internal import JobQueue
internal import Synchronization

/// The steps of a start: what must be so before, the start itself, and what a guest that goes on needs after.
extension PowerSteps {
    /// Brings the definition to what the next boot shall have: forgets saved memory that is not wanted, and resolves the
    /// accelerator that was asked for to what the host was seen to boot with.
    func prepare(restore: Bool) -> JobStep {
        JobStep(
            "prepare", .ensure,
            probe: { [world, host, machine] _ in
                try await world.probe(host) { host in
                    guard let seen = try await host.refresh(machine) else { throw gone() }
                    return try await needs(seen, restore, host).isNothing ? .done : .absent
                }
            },
            act: { [world, host, machine] context in
                let host = try world.host(host)
                guard let seen = try await host.refresh(machine) else { throw gone() }
                let needs = try await needs(seen, restore, host)
                if needs.discardsSaved {
                    try await host.connection.discardSaved(machine)
                    context.log("the saved memory was forgotten")
                }
                guard let accelerator = needs.accelerator else { return }
                try await host.connection.edit(machine, Self.edits(seen, accelerator))
                context.log("the accelerator is now \(accelerator.rawValue), which the host was seen to boot with")
            })
    }

    private struct Needs {
        var discardsSaved = false
        var accelerator: Accelerator?
        var isNothing: Bool { !discardsSaved && accelerator == nil }
    }

    private func needs(_ seen: MachineObservation, _ restore: Bool, _ host: ManagedHost) async throws -> Needs {
        guard !seen.state.isActive else { return Needs() }
        let isSaved = seen.state == .saved
        var needs = Needs(discardsSaved: isSaved && !restore)
        // Saved memory goes on with the hardware it was saved with.
        guard world.isOurs(seen), !isSaved || !restore else { return needs }
        let best = try await StartAccelerator(host: host).choice(seen.metadata?.accel ?? "", now: seen.hardware.accelerator)
        if best != seen.hardware.accelerator { needs.accelerator = best }
        return needs
    }

    /// A CPU that was only the default of the other accelerator changes with it.
    private static func edits(_ seen: MachineObservation, _ accelerator: Accelerator) -> [MachineEdit] {
        var edits = [MachineEdit.setAccelerator(accelerator)]
        if seen.hardware.cpu == StartAccelerator.defaultCPU(seen.hardware.accelerator) {
            edits.append(.setCPU(StartAccelerator.defaultCPU(accelerator)))
        }
        return edits
    }

    func start(undoable: Bool) -> JobStep {
        let undo: @Sendable (StepContext) async throws -> Void = { [world, host, machine] _ in
            let host = try world.host(host)
            if try await host.connection.machine(machine)?.state.isActive == true { try await host.connection.destroy(machine) }
        }
        return bring(
            "start", to: { $0.isActive }, isPointOfNoReturn: !undoable,
            act: { [world, machine] host, context in
                guard let before = try await host.refresh(machine) else { throw gone() }
                let check = StartCheck(world: world, host: host, machine: before)
                await check.noteMissingNVRAM(context)
                do {
                    try await host.connection.start(machine)
                } catch let error as HypervisorError {
                    if error.isUncertain || error.isTransient { throw error }
                    throw await check.explain(error)
                }
                // A guest that goes on from saved memory was started when it was booted; that mark came back with it.
                if before.state == .saved, let after = try await host.connection.machine(machine) {
                    if after.startedAtMilliseconds != nil { return }
                    // A save that was cut off leaves a file that libvirt throws away without a word.
                    if after.stateReason == "booted" {
                        context.log("the saved memory was incomplete: the host threw it away and booted the guest")
                    }
                }
                await StartMark.write(host, machine, context)
            }, undo: undoable ? undo : nil)
    }

    /// After a start or a resume: sets the clock of a guest that stood still, and after a start lets the file with the firmware's
    /// variables show as a volume. Never fails; says in the log what happened. The step before has just looked.
    func settle(hasBooted: Bool) -> JobStep {
        let hasRun = Flag()
        return JobStep(
            "settle", .ensure,
            probe: { _ in hasRun.isSet.load(ordering: .acquiring) ? .done : .absent },
            act: { [world, host, machine] context in
                defer { hasRun.isSet.store(true, ordering: .releasing) }
                let host = try world.host(host)
                do {
                    var known = host.fleet.lastSeen(machine, on: host.name)
                    if known == nil { known = try await host.refresh(machine) }
                    guard let seen = known, seen.state.isActive else { return }
                    await GuestClock(world: world, host: host, machine: seen).set(context)
                    if hasBooted { try await host.refreshNVRAM(of: seen) }
                } catch let error as HypervisorError {
                    context.log("could not look after the started machine: \(error.message)")
                }
            })
    }

    private final class Flag: Sendable {
        let isSet = Atomic<Bool>(false)
    }
}

extension ManagedHost {
    /// The hypervisor makes the file with the firmware's variables behind the pool's back: one look makes it a volume.
    func refreshNVRAM(of machine: MachineObservation) async throws(HypervisorError) {
        guard let path = machine.hardware.firmware.nvramPath, let volume = fleet.volume(at: path, on: name),
            try await refresh(volume) == nil
        else { return }
        try await connection.refreshPool(volume.pool)
        try await refresh(volume)
    }
}
