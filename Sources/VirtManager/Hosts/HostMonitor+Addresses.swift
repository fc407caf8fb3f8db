internal import Hypervisor

/// Neither leases nor addresses come as events: running guests are asked until they have one, then now and then.
extension HostMonitor {
    /// Guests whose agents kept us waiting are asked apart, so that however many there are, the others are asked in time.
    func pollAddresses() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.pollAddresses(ofSilent: false) }
            group.addTask { await self.pollAddresses(ofSilent: true) }
        }
    }

    private func pollAddresses(ofSilent isSilent: Bool) async {
        var turn = 0
        while (try? await clock.sleep(for: .seconds(2))) != nil {
            turn += 1
            guard host.state.reach == .online else { continue }
            let silent = host.silentAgents
            if isSilent, silent.isEmpty { continue }
            let machines = host.fleet.view.machines.filter { $0.host == host.name }
            if isSilent { host.forgetSilentAgents(of: silent.subtracting(machines.map(\.id))) }
            let wanted = machines.filter { machine in
                machine.state == .running && !machine.observation.hardware.nics.isEmpty && silent.contains(machine.id) == isSilent
                    && (machine.addresses.isEmpty || turn % 15 == 0)
            }
            await refreshAddresses(of: wanted.map(\.observation))
        }
    }

    /// Some at a time.
    private func refreshAddresses(of machines: [MachineObservation]) async {
        await withTaskGroup(of: Bool.self) { group in
            var rest = machines.makeIterator()
            func add() {
                guard let machine = rest.next() else { return }
                group.addTask {
                    do throws(HypervisorError) {
                        try await self.host.refreshAddresses(of: machine)
                        return true
                    } catch {
                        self.handle(error)
                        return false
                    }
                }
            }
            for _ in 0..<4 { add() }
            // A host that does not answer is not asked for all the others.
            while let isFine = await group.next() { if isFine { add() } }
        }
    }
}
