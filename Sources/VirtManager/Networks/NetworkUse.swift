internal import Hypervisor

/// Who uses the networks of one host, by the inventory.
struct NetworkUse: Sendable {
    let fleet: Fleet
    let host: HostName

    private var machines: [MachineView] { fleet.view.machines.filter { $0.host == host } }

    /// Active machines with a card on it now: they would lose their cable.
    func running(on network: NetworkObservation) -> [MachineView] {
        machines.filter { $0.state.isActive && Self.uses($0.observation.hardware, network) }
    }

    /// Machines that have a card on it, now, in their definition, or at their next boot.
    func users(of network: NetworkObservation) -> [MachineView] {
        machines.filter { machine in
            Self.uses(machine.observation.hardware, network) || machine.observation.nextBoot.map { Self.uses($0, network) } ?? false
        }
    }

    /// Machines whose definition could not be read: they may use any network.
    var unreadable: [MachineView] { machines.filter(\.observation.isUnreadable) }

    /// A card names the network, or sits on the bridge that the network makes. A bridge of the host's own outlives it.
    private static func uses(_ hardware: MachineHardware, _ network: NetworkObservation) -> Bool {
        hardware.nics.contains { nic in
            if let name = nic.network { return name == network.name }
            return nic.bridge != nil && nic.bridge == network.bridge && network.mode != NetworkSpec.Mode.bridge.rawValue
        }
    }

    /// Names of machines by the MAC of their cards.
    func names() -> [String: String] {
        var names: [String: String] = [:]
        for machine in machines {
            for nic in machine.observation.hardware.nics + (machine.observation.nextBoot?.nics ?? []) {
                names[nic.mac.lowercased()] = machine.name
            }
        }
        return names
    }
}
