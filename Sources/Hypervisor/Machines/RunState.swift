/// What a virtual machine is doing, as its host says.
package enum RunState: String, Sendable, CaseIterable {
    case stopped, running, paused, saved, crashed, migrating, unknown

    /// Whether a process of the hypervisor stands behind it.
    package var isActive: Bool { self == .running || self == .paused || self == .migrating }
}
