internal import Hypervisor

/// What happens inside the guests as ticks pass.
extension FakeWorldState {
    mutating func tick() {
        nowMilliseconds += 1_000
        for id in machines.keys.sorted() {
            moveBlockJobs(id)
            guard var machine = machines[id], machine.state == .running else { continue }
            if !machine.isBooted {
                machine.ticksToBoot = max(0, machine.ticksToBoot - 1)
            } else if let ticks = machine.ticksToShutdown {
                machine.ticksToShutdown = max(0, ticks - 1)
            }
            machine.unplugging = machine.unplugging.mapValues { max(0, $0 - 1) }
            machines[id] = machine
            settle(id)
        }
    }

    /// Lets a running guest do what is due: come up, or power off.
    mutating func settle(_ id: MachineID) {
        guard var machine = machines[id], let live = machine.live, machine.state == .running else { return }
        // An accelerator without a probe time is one that runs no code: the machine runs, its guest never does.
        if !machine.isBooted, machine.ticksToBoot == 0, probes[live.hardware.accelerator] != nil {
            machine.isBooted = true
            machines[id] = machine
            if let path = live.hardware.consoleLogPath { appendToConsole(path, "\(machine.name) login: \n") }
            raised.append(.machine(id))
            if machine.guest.hasAddress { giveLeases(machine, live) }
        }
        for (device, ticks) in machine.unplugging where ticks == 0 { letGo(of: device, id) }
        if machine.isBooted, machine.ticksToShutdown == 0 { stop(id, reason: "shutdown") }
    }

    private mutating func giveLeases(_ machine: FakeMachine, _ live: FakeDefinition) {
        for nic in live.hardware.nics {
            guard let name = nic.network, var network = networks[name] else { continue }
            network.lease(nic.mac, hostname: machine.name, untilMilliseconds: nowMilliseconds + 3_600_000)
            networks[name] = network
        }
    }

    mutating func appendToConsole(_ path: String, _ text: String) {
        var file = files[path] ?? FakeFile()
        file.write(Array(text.utf8), at: file.length)
        files[path] = file
        // The size of a listed log follows without a refresh.
        for pool in pools.values {
            for volume in pool.volumes.keys where pool.path(of: volume) == path {
                pools[pool.name]?.volumes[volume]?.capacityBytes = file.length
            }
        }
    }

    func addresses(_ id: MachineID, source: GuestAddress.Source) throws(HypervisorError) -> [GuestAddress] {
        let machine = try activeMachine(id)
        if source == .agent { try pingAgent(id) }
        guard source == .lease || machine.isBooted, machine.guest.hasAddress else { return [] }
        return (machine.live?.hardware.nics ?? []).compactMap { nic in
            guard let network = nic.network, let lease = networks[network]?.leases[nic.mac] else { return nil }
            return GuestAddress(mac: nic.mac, address: lease.address, prefix: source == .arp ? 0 : lease.prefix, source: source)
        }
    }

    func pingAgent(_ id: MachineID) throws(HypervisorError) {
        let machine = try activeMachine(id)
        guard machine.live?.hasAgentChannel == true else { throw FakeError.agentNotConfigured }
        guard machine.state == .running else { throw FakeError.notRunning }
        guard machine.agentConnected else { throw FakeError.agentNotConnected }
        guard machine.guest.agent == .answers else { throw FakeError.agentSilent }
    }

    func leases(_ network: String) throws(HypervisorError) -> [LeaseObservation] {
        guard let network = networks[network] else { throw FakeError.noNetwork(network) }
        return network.leases.values.filter { ($0.expiresAtMilliseconds ?? .max) > nowMilliseconds }.sorted { $0.mac < $1.mac }
    }
}
