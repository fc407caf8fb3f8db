internal import Hypervisor
package import JSON
package import JobQueue

/// `vm.create`: volumes, definition, start, gates. The definition with our mark is the point of no return: before it a
/// failure leaves nothing, after it the machine stays and the job says what did not work. A cancel always leaves nothing.
package struct MachineCreateJob: JobKind {
    package let name = "vm.create"
    let world: JobWorld

    package init(_ world: JobWorld) { self.world = world }

    package func steps(_ arguments: JSONValue) throws(JobFailure) -> [JobStep] {
        guard let creation = MachineCreation(json: arguments) else { throw unreadableArguments(name) }
        var steps = [check(creation)]
        let volumes = VolumeSteps(world: world, host: creation.host)
        steps += creation.disks.compactMap(volumes.make)
        if let console = creation.console { steps.append(makeConsole(creation, console)) }
        for seed in creation.disks where seed.origin == .seed {
            guard let volume = seed.volume else { continue }
            let seeds = SeedSteps(world: world, host: creation.host, machine: creation.id, name: creation.name)
            steps.append(seeds.make("seed", volume))
        }
        let addresses = AddressSteps(world: world, host: creation.host)
        for (index, nic) in creation.nics.enumerated() {
            guard let ip = nic.ip else { continue }
            steps.append(addresses.reserve("address-\(index + 1)", ip, for: nic.spec.mac, on: nic.spec.network))
        }
        steps.append(define(creation))
        if creation.start {
            let power = PowerSteps(world: world, host: creation.host, machine: creation.id)
            steps.append(power.start(undoable: true))
            if let nvram = creation.nvram { steps.append(volumes.show("show-nvram", nvram)) }
            let gates = GateSteps(
                world: world, host: creation.host, machine: creation.id, timeout: .milliseconds(creation.waitTimeoutMilliseconds))
            steps += try gates.steps(creation.waitFor)
        }
        return steps
    }

    package func result(_ context: StepContext) async throws -> JSONValue? {
        guard let creation = MachineCreation(json: context.arguments) else { return nil }
        return try await MachineResult(world: world, host: creation.host, machine: creation.id).json(
            refreshAddresses: !creation.waitFor.isEmpty)
    }

    // MARK: Steps

    /// Looks once more under the locks: what was there at the request may be gone or taken.
    private func check(_ creation: MachineCreation) -> JobStep {
        JobStep(
            "check", .pure,
            probe: { [world] _ in
                try await world.probe(creation.host) { host in
                    if try await host.refresh(creation.id) != nil {
                        throw JobFailure(
                            "vm.exists", category: "conflict", detail: "VM '\(creation.name)' was made already",
                            hints: ["POST \(MachineView.path(creation.id))/start starts it"])
                    }
                    let use = VolumeUse(fleet: world.fleet, host: creation.host)
                    for disk in creation.disks {
                        guard let needed = disk.needed else { continue }
                        guard let found = try await host.refresh(needed) else { throw VolumeSteps.missing(needed) }
                        // Reading goes beside reading; writing goes beside nothing.
                        let onlyReads = disk.isMade || disk.isReadOnly
                        let users = onlyReads ? use.writers(of: needed, path: found.path) : use.users(of: needed, path: found.path)
                        if let user = users.first(where: { $0.id != creation.id }) {
                            throw JobFailure(
                                "volume.in_use", category: "conflict", detail: "volume '\(needed)' is in use by VM '\(user.name)'")
                        }
                        if !onlyReads, let child = use.children(ofPath: found.path).first {
                            throw JobFailure(
                                "volume.in_use", category: "conflict", detail: "volume '\(child)' stands on volume '\(needed)'")
                        }
                    }
                    for machine in world.fleet.machines(name: creation.name) where machine.id != creation.id {
                        throw JobFailure(
                            "vm.exists", category: "conflict", detail: "a VM '\(creation.name)' is on host '\(machine.host)'")
                    }
                    return .done
                }
            },
            act: { _ in })
    }

    /// Made by us, so that it is a volume from the start; the host's log daemon then writes into it.
    private func makeConsole(_ creation: MachineCreation, _ console: VolumeReference) -> JobStep {
        VolumeSteps(world: world, host: creation.host).make("console", console, isOurName: true) { _ in
            VolumeSpec(reference: console, format: "raw", capacityBytes: 0)
        }
    }

    private func define(_ creation: MachineCreation) -> JobStep {
        JobStep(
            "define", .ensure, isPointOfNoReturn: true,
            probe: { [world] context in
                try await world.probe(creation.host) { host in
                    guard let machine = try await host.refresh(creation.id) else {
                        return try await isThere(creation.nvram, host) ? .partial : .absent
                    }
                    guard world.isOurs(machine), machine.metadata?.job == context.job.text else {
                        return .foreign("a machine with the id \(creation.id) is there and is not ours")
                    }
                    return machine.autostart == creation.autostart && machine.isPersistent ? .done : .partial
                }
            },
            act: { [world] context in
                let host = try world.host(creation.host)
                let spec = try await MachineSpecBuilder(world: world, host: host).build(creation, job: context.job, epoch: context.epoch)
                do {
                    try await host.connection.define(spec)
                } catch let error as HypervisorError where error.code == .alreadyExists {
                    var failure = JobFailure("vm.exists", category: "conflict", detail: error.message, native: error.nativeJSON)
                    failure.isForeign = true
                    throw failure
                }
                if creation.autostart { try await host.connection.change(creation.id, MachineChange(autostart: true)) }
            },
            undo: { [world] _ in
                let host = try world.host(creation.host)
                if let machine = try await host.connection.machine(creation.id), world.isOurs(machine) {
                    if machine.state.isActive { try await host.connection.destroy(creation.id) }
                    try await host.connection.undefine(creation.id)
                }
                // A start made it, whatever became of the start.
                if let nvram = creation.nvram, try await isThere(nvram, host) {
                    try await host.connection.deleteVolume(nvram)
                    try await host.refresh(nvram)
                }
            })
    }

    /// Looks at the directory itself: no storage call makes a file of this kind.
    private func isThere(_ volume: VolumeReference?, _ host: ManagedHost) async throws -> Bool {
        guard let volume else { return false }
        try await host.connection.refreshPool(volume.pool)
        return try await host.refresh(volume) != nil
    }
}
