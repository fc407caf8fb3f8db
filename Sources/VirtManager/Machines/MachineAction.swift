package import Hypervisor

/// What can be done to the power of a machine: the last part of `POST /v1/vms/{vm}/…`.
package enum MachineAction: String, Sendable, CaseIterable {
    case start, shutdown, stop, reboot, reset, pause, resume, save

    /// The kind of its job.
    package var jobKind: String { "vm.\(rawValue)" }

    /// Whether it does something in that state. What is so already is allowed too: it changes nothing.
    package func isAllowed(in state: RunState) -> Bool {
        switch self {
        case .start: state == .stopped || state == .crashed || state == .saved
        case .shutdown, .reboot: state == .running
        case .stop: state == .running || state == .paused || state == .crashed
        case .reset: state == .running || state == .paused
        case .pause: state == .running
        case .resume: state == .paused
        case .save: state == .running || state == .paused
        }
    }

    /// Whether the machine is already as the action would make it.
    package func isFulfilled(in state: RunState) -> Bool {
        switch self {
        case .start: state == .running
        case .shutdown, .stop: state == .stopped || state == .saved
        case .pause: state == .paused
        case .resume: state == .running
        case .save: state == .saved
        case .reboot, .reset: false
        }
    }
}
