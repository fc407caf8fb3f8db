package import Hypervisor
package import JSON
package import JobQueue

extension HypervisorError: JobFailureConvertible {
    private struct Meaning {
        let code: String
        let category: ServiceError.Class
        var isRetryable = false
        var hints: [String] = []
    }

    private static let meanings: [Code: Meaning] = [
        .machineNotFound: Meaning(code: "vm.not_found", category: .notFound),
        .poolNotFound: Meaning(code: "pool.not_found", category: .notFound),
        .volumeNotFound: Meaning(code: "volume.not_found", category: .notFound),
        .networkNotFound: Meaning(code: "network.not_found", category: .notFound),
        .alreadyExists: Meaning(code: "resource.exists", category: .conflict),
        .invalidState: Meaning(code: "resource.state", category: .state),
        .invalidArgument: Meaning(code: "resource.invalid", category: .invalid),
        .noSpace: Meaning(
            code: "pool.no_space", category: .noSpace, isRetryable: true, hints: ["free space in the pool or choose another one"]),
        .unsupported: Meaning(code: "host.unsupported", category: .unsupported),
        .permissionDenied: Meaning(
            code: "host.permission_denied", category: .state, hints: ["let the daemon's user manage libvirt on that host (group libvirt)"]),
        .agentUnavailable: Meaning(
            code: "agent.unavailable", category: .state, isRetryable: true,
            hints: ["install and start qemu-guest-agent in the guest, or wait until it has booted"]),
        .busy: Meaning(code: "resource.busy", category: .temporary, isRetryable: true),
        .connectionLost: Meaning(
            code: "host.connection_lost", category: .temporary, isRetryable: true,
            hints: ["see GET /v1/hosts for the state of the host; the daemon reconnects by itself"]),
        .timeout: Meaning(
            code: "host.timeout", category: .timeout, isRetryable: true,
            hints: ["see GET /v1/hosts for the state of the host"]),
        .cancelled: Meaning(code: "job.cancelled", category: .state),
        .operationFailed: Meaning(code: "host.operation_failed", category: .state),
    ]

    private var meaning: Meaning { Self.meanings[code] ?? Meaning(code: "host.operation_failed", category: .state) }

    /// `{domain, code, message}` as libvirt numbered it.
    package var nativeJSON: JSONValue? {
        native.map {
            .object(
                JSONObject([("domain", .integer(Int64($0.domain))), ("code", .integer(Int64($0.code))), ("message", .string($0.message))]))
        }
    }

    package var serviceError: ServiceError {
        let meaning = meaning
        return ServiceError(
            meaning.code, meaning.category, message, isRetryable: meaning.isRetryable, hints: meaning.hints, native: nativeJSON)
    }

    package var jobFailure: JobFailure {
        var failure = serviceError.jobFailure
        failure.isTransient = isTransient
        failure.isUncertain = isUncertain
        return failure
    }
}
