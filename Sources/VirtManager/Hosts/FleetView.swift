package import Hypervisor

/// All machines of all hosts at one moment. Immutable and swapped whole, so reading never waits.
package struct FleetView: Sendable {
    /// Grows with each change.
    package let generation: UInt64
    /// By name, then host.
    package let machines: [MachineView]
    private let byID: [MachineID: [Int]]
    private let byName: [String: [Int]]

    init(generation: UInt64, machines: [MachineView]) {
        self.generation = generation
        self.machines = machines
        var byID: [MachineID: [Int]] = [:]
        var byName: [String: [Int]] = [:]
        byID.reserveCapacity(machines.count)
        byName.reserveCapacity(machines.count)
        for (index, machine) in machines.enumerated() {
            byID[machine.id, default: []].append(index)
            byName[machine.name, default: []].append(index)
        }
        self.byID = byID
        self.byName = byName
    }

    /// The machines with that id: more than one only while one is on its way between hosts, or was copied by hand.
    package func machines(id: MachineID) -> [MachineView] { (byID[id] ?? []).map { machines[$0] } }

    package func machines(name: String) -> [MachineView] { (byName[name] ?? []).map { machines[$0] } }
}
