internal import Hypervisor
package import JSON
internal import JobQueue
internal import Platform

extension MachineService {
    /// A merge patch (RFC 7396): all of it is checked at once. What only answers have is taken if unchanged.
    package func update(_ machine: MachineView, patch: JSONValue, _ mutation: Mutation) async throws -> Outcome<MachineView> {
        let patch = MachinePatch(patch, machine, defaults: defaults)
        let reader = patch.reader
        let update = patch.update()
        let host = try hosts.require(machine.host)
        var planner = MachinePlanner(host: host, defaults: defaults, problems: reader.problems)
        if update.hasHardware, host.state.reach == .online { try await check(update, patch, &planner) }
        try ReadOnlyFields(machine, except: MachinePatch.changeable, ignoring: ["pending"]).check(reader).finish(reader)
        try host.requireOnline()
        try planner.settle { try refuse(update, machine) }
        if update.name != nil { try await host.requireFeature(.rename) }
        if update.hasHardware { try await host.requireFeature(.editDefinition) }
        if machine.activeJob == nil, isDone(update, machine) { return mutation.dryRun ? .plan(DryRun()) : .unchanged(machine) }
        if mutation.dryRun {
            let steps = try desk.engine.kind("vm.update")?.steps(update.json) ?? []
            return .plan(DryRun(steps: steps.map(\.name)))
        }
        return .job(
            try await desk.enqueue(
                JobRequest(
                    id: try desk.newID(), kind: "vm.update", arguments: update.json, resources: [machine.path],
                    locks: [LockRequest("host:\(machine.host)", .shared), LockRequest("vm:\(machine.id)", .exclusive)]
                        + volumes(update).map { LockRequest("volume:\(machine.host)/\($0)", .shared) },
                    reservations: update.reservations, host: machine.host.text), mutation))
    }

    private func volumes(_ update: MachineUpdate) -> [VolumeReference] {
        guard case .set(let boot) = update.boot else { return [] }
        var volumes = [boot.kernel].compactMap(\.self)
        if case .set(let initrd) = boot.initrd { volumes.append(initrd) }
        return volumes
    }

    /// Whether it is so already, at the next boot too.
    private func isDone(_ update: MachineUpdate, _ machine: MachineView) -> Bool {
        let seen = machine.observation
        guard update.name == nil, update.change(of: seen) == nil else { return false }
        guard update.hasHardware else { return true }
        if let live = seen.live {
            if let vcpus = update.vcpus, vcpus != live.vcpus, vcpus <= live.vcpusMax { return false }
            if let memory = update.memoryBytes, memory != live.memoryBytes, memory <= live.memoryMaxBytes { return false }
        }
        guard let boot = bootPaths(update.boot, seen.defined.boot, machine.host) else { return false }
        return (try? HardwareUpdate(update: update, boot: boot).edits(over: seen.defined).isEmpty) == true
    }

    /// By what was seen of the volumes last; nil if one is not known.
    private func bootPaths(
        _ patch: PatchPart<MachineUpdate.Boot>, _ present: DirectBoot?, _ host: HostName
    ) -> PatchPart<DirectBoot>? {
        guard case .set(let wanted) = patch else { return patch == .removed ? .removed : .unchanged }
        var boot = present ?? DirectBoot(kernelPath: "", initrdPath: nil, cmdline: "")
        if let kernel = wanted.kernel {
            guard let seen = fleet.lastSeen(kernel, on: host) else { return nil }
            boot.kernelPath = seen.path
        }
        switch wanted.initrd {
        case .unchanged: break
        case .removed: boot.initrdPath = nil
        case .set(let initrd):
            guard let seen = fleet.lastSeen(initrd, on: host) else { return nil }
            boot.initrdPath = seen.path
        }
        if let cmdline = wanted.cmdline { boot.cmdline = cmdline }
        return .set(boot)
    }

    // MARK: Against the host

    private func check(_ update: MachineUpdate, _ patch: MachinePatch, _ planner: inout MachinePlanner) async throws {
        let host = planner.host
        let reader = patch.reader
        let capabilities = try await host.capabilities()
        if let most = host.state.facts?.memoryBytes {
            for (name, bytes) in [("memory", update.memoryBytes), ("memory_max", update.memoryMaxBytes.over(nil))] {
                guard let bytes, bytes > most else { continue }
                reader.problem(
                    patch.pointed(name), "is more than host '\(host.name)' has (\(most) bytes)", allowed: ["at most \(most)"])
            }
        }
        if let most = capabilities.vcpusMax {
            for (name, count) in [("vcpus", update.vcpus), ("vcpus_max", update.vcpusMax.over(nil))] {
                guard let count, count > most else { continue }
                reader.problem(name, "is more than host '\(host.name)' gives a machine", allowed: ["at most \(most)"])
            }
        }
        let accel = update.accel ?? patch.machine.observation.hardware.accelerator.rawValue
        if let wanted = update.accel, wanted != "auto", let proven = host.state.accelerators,
            !proven.contains(where: { $0.rawValue == wanted })
        {
            reader.problem("accel", "host '\(host.name)' was not seen to boot with it", allowed: ["auto"] + proven.map(\.rawValue))
        }
        if case .set(let cpu) = update.cpu { planner.checkCPU(cpu, accel, capabilities) }
        if let type = update.machineType { planner.checkMachineType(type, capabilities) }
        if case .set(let boot) = update.boot {
            if let kernel = boot.kernel { _ = try await planner.require(kernel, at: "/boot/kernel/volume") }
            if case .set(let initrd) = boot.initrd { _ = try await planner.require(initrd, at: "/boot/initrd/volume") }
        }
    }

    /// What the machine is in no state for. With jobs in line only they can tell.
    private func refuse(_ update: MachineUpdate, _ machine: MachineView) throws {
        let isAlone = machine.activeJob == nil
        if update.hasHardware || update.name != nil,
            let refusal = DeviceRules.refusal(machine.observation, isManaged: machine.isManaged),
            isAlone || refusal.code != "vm.saved"
        {
            throw refusal
        }
        let isMarked = update.labels?.isEmpty == false || update.expiresAtMilliseconds.isGiven
        if isMarked, !machine.isManaged {
            throw ServiceError(
                "vm.unmanaged", .state, "VM '\(machine.name)' was made by another tool: Gantry keeps nothing of its own in it",
                hints: ["description and autostart can be changed", "POST \(machine.path)/adopt takes it over"])
        }
        guard let name = update.name else { return }
        if isAlone, machine.state.isActive { throw MachineUpdateRules.active(machine.observation) }
        if let other = fleet.machines(name: name).first(where: { $0.id != machine.id }) {
            throw MachineUpdateRules.taken(name, by: other)
        }
        for host in fleet.hosts where !host.wasListed && !host.isSettled { try hosts.requireListed(host.name.text) }
    }
}
