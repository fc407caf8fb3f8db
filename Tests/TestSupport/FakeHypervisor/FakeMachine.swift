internal import Hypervisor

/// A machine of a fake host: its definition on disk, its live one, and what its guest is up to.
struct FakeMachine: Sendable {
    var id: MachineID
    var name: String
    /// nil for a transient machine.
    var persistent: FakeDefinition?
    /// nil while it is not active.
    var live: FakeDefinition?
    var state: RunState = .stopped
    var reason = "unknown"
    var autostart = false
    var hasManagedSave = false
    var startedAtMilliseconds: Int64?
    /// What the driver is doing with it, during which it may not be changed (`migration out`).
    var operation: String?
    var guest: FakeGuest
    var isBooted = false
    var ticksToBoot = 0
    /// nil: nobody asked for a shutdown that the guest heeds.
    var ticksToShutdown: Int?
    /// Devices the guest was asked to let go of, by target or MAC, with the ticks until it does.
    var unplugging: [String: Int] = [:]
    var blockJobs: [String: FakeBlockJob] = [:]
    /// Programs that were started in the guest, by process id.
    var processes: [Int64: GuestProcess] = [:]
    /// What the guest's clock was last set to.
    var clockMilliseconds: Int64?

    var isActive: Bool { live != nil }
    var current: FakeDefinition? { live ?? persistent }
    var agentConnected: Bool { isActive && isBooted && guest.agent != .absent && live?.hasAgentChannel == true }

    var observation: MachineObservation? {
        guard let current else { return nil }
        return MachineObservation(
            id: id, name: name, state: !isActive && hasManagedSave ? .saved : state, stateReason: reason, isPersistent: persistent != nil,
            autostart: autostart, hardware: current.hardware, description: current.description, metadata: current.metadata,
            startedAtMilliseconds: startedAtMilliseconds, agentConnected: agentConnected,
            nextBoot: live == nil ? nil : persistent?.hardware)
    }

    /// The file behind each disk, with whether the machine may write to it. Layers below are only read.
    var openFiles: [(path: String, isWritten: Bool)] {
        (live?.hardware.disks ?? []).flatMap { disk in
            (disk.path.map { [(path: $0, isWritten: !disk.isReadOnly)] } ?? [])
                + disk.backingPaths.map { (path: $0, isWritten: false) }
        }
    }
}
