internal import Hypervisor
internal import Synchronization

/// Machines that somebody wants off now, while a shutdown still gives their guests time: the grace is over then.
package final class Impatience: Sendable {
    private let machines = Mutex<Set<MachineID>>([])

    package init() {}

    func hurry(_ machine: MachineID) { machines.withLock { _ = $0.insert(machine) } }
    func forget(_ machine: MachineID) { machines.withLock { _ = $0.remove(machine) } }
    func isFelt(for machine: MachineID) -> Bool { machines.withLock { $0.contains(machine) } }
}
