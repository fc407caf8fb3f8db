/// All machines of all hosts at one moment. Immutable and swapped whole, so reading never waits. The list is shared with the
/// inventory, which copies it at the next change: whoever wants single machines asks the inventory.
package struct FleetView: Sendable {
    /// Grows with each change.
    package let generation: UInt64
    /// By name, then host.
    package let machines: [MachineView]

    package func machines(name: String) -> [MachineView] { Self.machines(name: name, in: machines) }

    static func machines(name: String, in machines: [MachineView]) -> [MachineView] {
        var low = 0
        var high = machines.count
        while low < high {
            let middle = (low + high) / 2
            if machines[middle].name < name { low = middle + 1 } else { high = middle }
        }
        return Array(machines[low...].prefix { $0.name == name })
    }
}
