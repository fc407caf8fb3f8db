/// A failed operation on a host, in the terms of this field, with the driver's own error kept beside it.
package struct HypervisorError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of failure it is. An open set: a code unknown to us survives.
    package struct Code: RawRepresentable, Hashable, Sendable {
        package let rawValue: String
        package init(rawValue: String) { self.rawValue = rawValue }

        package static let machineNotFound = Code(rawValue: "machine_not_found")
        package static let poolNotFound = Code(rawValue: "pool_not_found")
        package static let volumeNotFound = Code(rawValue: "volume_not_found")
        package static let networkNotFound = Code(rawValue: "network_not_found")
        /// A name or id that should be fresh is taken.
        package static let alreadyExists = Code(rawValue: "already_exists")
        /// The object is not in a state in which this can be done.
        package static let invalidState = Code(rawValue: "invalid_state")
        package static let invalidArgument = Code(rawValue: "invalid_argument")
        package static let noSpace = Code(rawValue: "no_space")
        package static let unsupported = Code(rawValue: "unsupported")
        package static let permissionDenied = Code(rawValue: "permission_denied")
        /// The guest agent is absent, not connected, or silent.
        package static let agentUnavailable = Code(rawValue: "agent_unavailable")
        /// Another operation holds the object for now.
        package static let busy = Code(rawValue: "busy")
        /// The connection to the host broke or could not be opened. What became of the call is unknown.
        package static let connectionLost = Code(rawValue: "connection_lost")
        /// The host did not answer in time. What became of the call is unknown.
        package static let timeout = Code(rawValue: "timeout")
        package static let cancelled = Code(rawValue: "cancelled")
        package static let operationFailed = Code(rawValue: "operation_failed")
    }

    /// The driver's own words: `virError` of libvirt.
    package struct Native: Sendable, Equatable {
        package var domain: Int
        package var code: Int
        package var message: String
        package init(domain: Int, code: Int, message: String) {
            self.domain = domain
            self.code = code
            self.message = message
        }
    }

    package var code: Code
    package var message: String
    /// The driver function that failed.
    package var function: String
    package var native: Native?

    package init(_ code: Code, _ message: String, function: String, native: Native? = nil) {
        self.code = code
        self.message = message
        self.function = function
        self.native = native
    }

    /// Whether what became of the call cannot be known without looking again.
    package var isUncertain: Bool { code == .connectionLost || code == .timeout || code == .cancelled }

    /// Whether the same call may well work a little later.
    package var isTransient: Bool { isUncertain && code != .cancelled || code == .busy }

    package var description: String { "\(function): \(message) (\(code.rawValue))" }
}
