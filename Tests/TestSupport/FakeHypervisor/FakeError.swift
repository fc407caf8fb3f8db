internal import Hypervisor

/// The errors of libvirt 9.0 with their codes and words; `FakeHost` adds the name of the call.
enum FakeError {
    private static func make(_ code: HypervisorError.Code, _ number: Int, _ message: String, domain: Int = 10) -> HypervisorError {
        HypervisorError(code, message, function: "", native: .init(domain: domain, code: number, message: message))
    }

    static func noMachine(_ id: MachineID) -> HypervisorError {
        make(.machineNotFound, 42, "Domain not found: no domain with matching uuid '\(id)'")
    }
    static func noPool(_ name: String) -> HypervisorError {
        make(.poolNotFound, 49, "Storage pool not found: no storage pool with matching name '\(name)'", domain: 18)
    }
    static func noVolume(_ name: String) -> HypervisorError {
        make(.volumeNotFound, 50, "Storage volume not found: no storage vol with matching name '\(name)'", domain: 18)
    }
    static func noNetwork(_ name: String) -> HypervisorError {
        make(.networkNotFound, 43, "Network not found: no network with matching name '\(name)'", domain: 19)
    }
    static func volumeExists(_ name: String) -> HypervisorError {
        make(.alreadyExists, 90, "storage volume '\(name)' exists already", domain: 18)
    }
    static func nameTaken(_ name: String, by id: MachineID) -> HypervisorError {
        make(.alreadyExists, 9, "operation failed: domain '\(name)' already exists with uuid \(id)")
    }
    static func idTaken(_ id: MachineID, by name: String) -> HypervisorError {
        make(.alreadyExists, 9, "operation failed: domain '\(name)' is already defined with uuid \(id)")
    }
    static func invalidState(_ message: String) -> HypervisorError {
        make(.invalidState, 55, "Requested operation is not valid: \(message)")
    }
    static var notRunning: HypervisorError { invalidState("domain is not running") }
    static func invalidArgument(_ message: String) -> HypervisorError { make(.invalidArgument, 8, "invalid argument: \(message)") }
    static func missingFile(_ path: String) -> HypervisorError {
        make(.operationFailed, 38, "Cannot access storage file '\(path)': No such file or directory")
    }
    static func missingBacking(_ path: String) -> HypervisorError {
        make(.operationFailed, 38, "inaccessible backing store volume \(path): No such file or directory", domain: 18)
    }
    static func monitor(_ message: String) -> HypervisorError {
        make(.operationFailed, 1, "internal error: process exited while connecting to monitor: \(message)")
    }
    static func lockHeld(_ path: String, shared: Bool) -> HypervisorError {
        monitor("Failed to get \(shared ? "shared " : "")\"write\" lock: Is another process using the image [\(path)]?")
    }
    static func noSpace(_ path: String) -> HypervisorError {
        make(.noSpace, 38, "cannot write to '\(path)': No space left on device", domain: 38)
    }
    static func busy(_ operation: String) -> HypervisorError {
        make(.busy, 68, "Timed out during operation: cannot acquire state change lock (held by \(operation))")
    }
    static var noJob: HypervisorError { invalidState("no job is active on the domain") }
    static var agentNotConfigured: HypervisorError {
        make(.agentUnavailable, 74, "argument unsupported: QEMU guest agent is not configured")
    }
    static var agentNotConnected: HypervisorError {
        make(.agentUnavailable, 86, "Guest agent is not responding: QEMU guest agent is not connected")
    }
    static var agentSilent: HypervisorError {
        make(.agentUnavailable, 86, "Guest agent is not responding: Guest agent not available for now")
    }
    static var connectionLost: HypervisorError {
        make(.connectionLost, 38, "End of file while reading data: Input/output error", domain: 7)
    }
    static func refused(_ message: String) -> HypervisorError { make(.connectionLost, 38, message, domain: 7) }
    static var cancelled: HypervisorError { make(.cancelled, 78, "operation aborted: canceled by client") }
}
