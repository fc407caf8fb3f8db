internal import CLibvirt
internal import Hypervisor

/// virDomainGetState's two numbers in words.
struct DomainState: Sendable, Equatable {
    var state: RunState
    var reason: String

    /// `hasManagedSave` makes a stopped machine a saved one.
    init(state: Int32, reason: Int32, hasManagedSave: Bool) {
        let (runState, reasons) = Self.meaning(virDomainState(rawValue: UInt32(bitPattern: state)))
        let index = Int(reason)
        self.state = runState
        self.reason = reasons.indices.contains(index) ? reasons[index] : "unknown"
        switch (runState, self.reason) {
        case (.paused, "migration"), (.paused, "post-copy"): self.state = .migrating
        case (.stopped, _) where hasManagedSave: self.state = .saved
        case (.stopped, "crashed"): self.state = .crashed
        default: break
        }
    }

    private static func meaning(_ state: virDomainState) -> (RunState, [String]) {
        switch state {
        case VIR_DOMAIN_RUNNING:
            (
                .running,
                [
                    "unknown", "booted", "migrated", "restored", "from snapshot", "unpaused", "migration canceled", "save canceled",
                    "wakeup", "crashed", "post-copy", "post-copy failed",
                ]
            )
        // Xen's word for a running guest that waits for something.
        case VIR_DOMAIN_BLOCKED: (.running, ["unknown"])
        case VIR_DOMAIN_PAUSED:
            (
                .paused,
                [
                    "unknown", "user", "migration", "save", "dump", "ioerror", "watchdog", "from snapshot", "shutting down",
                    "snapshot", "crashed", "starting up", "post-copy", "post-copy failed",
                ]
            )
        // The guest is on its way down and its process still there.
        case VIR_DOMAIN_SHUTDOWN: (.running, ["shutting down", "shutting down"])
        case VIR_DOMAIN_SHUTOFF:
            (.stopped, ["unknown", "shutdown", "destroyed", "crashed", "migrated", "saved", "failed", "from snapshot", "daemon"])
        case VIR_DOMAIN_CRASHED: (.crashed, ["unknown", "panicked"])
        case VIR_DOMAIN_PMSUSPENDED: (.paused, ["suspended by guest", "suspended by guest"])
        default: (.unknown, ["unknown"])
        }
    }
}
