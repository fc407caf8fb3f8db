internal import Hypervisor

/// States and transitions of machines, with libvirt's answers.
extension FakeWorldState {
    func machine(_ id: MachineID) throws(HypervisorError) -> FakeMachine {
        guard let machine = machines[id] else { throw FakeError.noMachine(id) }
        return machine
    }

    func activeMachine(_ id: MachineID) throws(HypervisorError) -> FakeMachine {
        let machine = try machine(id)
        guard machine.isActive else { throw FakeError.notRunning }
        return machine
    }

    mutating func put(_ machine: FakeMachine) {
        machines[machine.id] = machine
        raised.append(.machine(machine.id))
    }

    mutating func define(_ definition: FakeDefinition) throws(HypervisorError) {
        guard facts.offeredAccelerators.contains(definition.hardware.accelerator) else {
            throw FakeError.invalidArgument(
                "could not get preferred machine for /usr/bin/qemu-system-x86_64 type=\(definition.hardware.accelerator.rawValue)")
        }
        if let other = machines.values.first(where: { $0.name == definition.name && $0.id != definition.id }) {
            throw FakeError.nameTaken(definition.name, by: other.id)
        }
        var machine =
            machines[definition.id]
            ?? FakeMachine(id: definition.id, name: definition.name, persistent: nil, live: nil, guest: defaultGuest)
        guard machine.name == definition.name else { throw FakeError.idTaken(definition.id, by: machine.name) }
        machine.persistent = definition
        put(machine)
    }

    mutating func undefine(_ id: MachineID) throws(HypervisorError) {
        var machine = try machine(id)
        guard machine.persistent != nil else { throw FakeError.invalidState("cannot undefine transient domain") }
        machine.persistent = nil
        machine.autostart = false
        machine.hasManagedSave = false
        put(machine)
        if !machine.isActive { machines[id] = nil }
    }

    mutating func start(_ id: MachineID, paused: Bool) throws(HypervisorError) {
        var machine = try machine(id)
        guard !machine.isActive, let definition = machine.persistent else { throw FakeError.invalidState("domain is already running") }
        do throws(HypervisorError) {
            try checkStart(definition)
        } catch {
            machine.reason = "failed"
            put(machine)
            throw error
        }
        begin(&machine, definition, paused: paused)
        put(machine)
        settle(id)
    }

    /// Starts a machine that has no definition on disk.
    mutating func createTransient(_ definition: FakeDefinition, paused: Bool) throws(HypervisorError) {
        if let other = machines.values.first(where: { $0.name == definition.name || $0.id == definition.id }) {
            throw FakeError.nameTaken(definition.name, by: other.id)
        }
        try checkStart(definition)
        var machine = FakeMachine(id: definition.id, name: definition.name, guest: defaultGuest)
        begin(&machine, definition, paused: paused)
        put(machine)
        settle(definition.id)
    }

    private mutating func begin(_ machine: inout FakeMachine, _ definition: FakeDefinition, paused: Bool) {
        machine.live = definition
        for index in definition.hardware.nics.indices { machine.live?.hardware.nics[index].target = "vnet\(takeNumber())" }
        machine.state = paused ? .paused : .running
        machine.reason = paused ? "user" : machine.hasManagedSave ? "restored" : "booted"
        machine.isBooted = machine.hasManagedSave
        machine.hasManagedSave = false
        machine.ticksToBoot = machine.guest.bootTicks
        machine.ticksToShutdown = nil
        machine.unplugging = [:]
        machine.blockJobs = [:]
        machine.processes = [:]
        if let path = definition.hardware.consoleLogPath {
            for number in 0..<3 { files["\(path).\(number)"] = nil }
            files[path] = FakeFile()
            appendToConsole(path, "")
        }
        // As libvirt, from the firmware's template.
        if let path = definition.hardware.firmware.nvramPath, files[path] == nil { files[path] = FakeFile(length: 540_672) }
    }

    private func checkStart(_ definition: FakeDefinition) throws(HypervisorError) {
        for nic in definition.hardware.nics {
            guard let name = nic.network else { continue }
            guard let network = networks[name] else { throw FakeError.noNetwork(name) }
            guard network.observation.isActive else { throw FakeError.invalidState("network '\(name)' is not active") }
        }
        let candidate = FakeMachine(id: definition.id, name: definition.name, live: definition, guest: FakeGuest())
        for file in candidate.openFiles where files[file.path] == nil { throw FakeError.missingFile(file.path) }
        let boot = [definition.hardware.boot?.kernelPath, definition.hardware.boot?.initrdPath]
        for path in boot.compactMap(\.self) where files[path] == nil {
            throw FakeError.monitor("could not open kernel file '\(path)': No such file or directory")
        }
        for other in machines.values where other.isActive {
            for theirs in other.openFiles {
                for ours in candidate.openFiles where ours.path == theirs.path && (ours.isWritten || theirs.isWritten) {
                    throw FakeError.lockHeld(ours.path, shared: !ours.isWritten)
                }
            }
        }
    }

    /// Ends the process behind a machine; a transient machine is gone with it.
    mutating func stop(_ id: MachineID, reason: String) {
        guard var machine = machines[id], machine.isActive else { return }
        machine.live = nil
        machine.state = .stopped
        machine.reason = reason
        machine.startedAtMilliseconds = nil
        machine.operation = nil
        machine.isBooted = false
        machine.ticksToShutdown = nil
        machine.blockJobs = [:]
        machine.unplugging = [:]
        put(machine)
        if machine.persistent == nil { machines[id] = nil }
    }

    mutating func suspend(_ id: MachineID) throws(HypervisorError) {
        var machine = try activeMachine(id)
        guard machine.state != .paused else { return }
        machine.state = .paused
        machine.reason = "user"
        put(machine)
    }

    mutating func resume(_ id: MachineID) throws(HypervisorError) {
        var machine = try activeMachine(id)
        guard machine.state == .paused else { throw FakeError.invalidState("domain is already running") }
        machine.state = .running
        machine.reason = "unpaused"
        put(machine)
        settle(id)
    }

    /// Asks the guest; one that is not up yet hears nothing.
    mutating func askShutdown(_ id: MachineID) throws(HypervisorError) {
        var machine = try activeMachine(id)
        guard machine.isBooted, case .obeys(let ticks) = machine.guest.shutdown else { return }
        if machine.ticksToShutdown == nil { machine.ticksToShutdown = max(0, ticks) }
        machines[id] = machine
        settle(id)
    }

    /// Boots the guest anew: at once by the button, or if it heeds the request.
    mutating func reboot(_ id: MachineID, byForce: Bool) throws(HypervisorError) {
        var machine = try activeMachine(id)
        if !byForce {
            guard machine.isBooted, case .obeys = machine.guest.shutdown else { return }
        }
        machine.isBooted = false
        machine.ticksToBoot = machine.guest.bootTicks
        machine.ticksToShutdown = nil
        put(machine)
        settle(id)
    }

    mutating func change(_ id: MachineID, _ change: MachineChange) throws(HypervisorError) {
        var machine = try idleMachine(id)
        if let autostart = change.autostart {
            guard machine.persistent != nil else { throw FakeError.invalidState("cannot set autostart for transient domain") }
            machine.autostart = autostart
        }
        if let description = change.description {
            machine.live?.description = description
            machine.persistent?.description = description
        }
        if let metadata = change.metadata {
            machine.live?.metadata = metadata
            machine.persistent?.metadata = metadata
        }
        put(machine)
    }

    mutating func markStarted(_ id: MachineID, atMilliseconds: Int64) throws(HypervisorError) {
        var machine = try idleMachine(id)
        guard machine.isActive else { throw FakeError.notRunning }
        machine.startedAtMilliseconds = atMilliseconds
        put(machine)
    }

    func idleMachine(_ id: MachineID) throws(HypervisorError) -> FakeMachine {
        let machine = try machine(id)
        if let operation = machine.operation { throw FakeError.busy(operation) }
        return machine
    }

    mutating func setOperation(_ id: MachineID, _ operation: String?) throws(HypervisorError) {
        var machine = try activeMachine(id)
        if operation == nil, machine.operation == nil { throw FakeError.noJob }
        machine.operation = operation
        put(machine)
    }
}
