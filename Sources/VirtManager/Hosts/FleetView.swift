package import Hypervisor

/// All machines of all hosts at one moment. Immutable and swapped whole, so reading never waits.
package struct FleetView: Sendable {
    /// Grows with each change.
    package let generation: UInt64
    /// By name, then host.
    package let machines: [MachineView]
    /// Shared with the inventory until it changes: nothing is built for a new view but the list.
    private let byID: [HostName: [MachineID: MachineView]]

    init(generation: UInt64, machines: [MachineView], byID: [HostName: [MachineID: MachineView]] = [:]) {
        self.generation = generation
        self.machines = machines
        self.byID = byID
    }

    /// The machines with that id: more than one only while one is on its way between hosts, or was copied by hand.
    package func machines(id: MachineID) -> [MachineView] {
        let found = byID.values.compactMap { $0[id] }
        return found.count < 2 ? found : found.sorted { $0.host < $1.host }
    }

    package func machines(name: String) -> [MachineView] {
        var low = 0
        var high = machines.count
        while low < high {
            let middle = (low + high) / 2
            if machines[middle].name < name { low = middle + 1 } else { high = middle }
        }
        return Array(machines[low...].prefix { $0.name == name })
    }
}
