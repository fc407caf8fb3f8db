package import JSON

/// What a step's closures may know and say.
package struct StepContext: Sendable {
    package let job: JobID
    package let epoch: Int64
    package let attempt: Int
    package let arguments: JSONValue
    package let requestor: Requestor
    let readSecrets: @Sendable () throws -> [String: [UInt8]]
    /// What earlier steps observed, by step name.
    package let observed: [String: JSONValue]
    let report: @Sendable (StepReport) -> Void
    let cancelRequested: @Sendable () -> Bool
    let cancelsRefused: @Sendable () -> Bool

    /// What the request gave the job to keep to itself. Throws `job.secrets_gone` if it is not there any more.
    package func secret(_ name: String) throws -> [UInt8] {
        guard let secret = try readSecrets()[name] else { throw JobFailure.secretsGone(job) }
        return secret
    }

    /// Adds a line to the job's log.
    package func log(_ message: String) { report(.log(message)) }

    /// Says how far the step is, in bytes.
    package func progress(done: Int64, total: Int64?) { report(.progress(done: done, total: total)) }

    /// Says how far the step is, in things of a kind.
    package func progress(items done: Int, of total: Int) { report(.items(done: Int64(done), total: Int64(total))) }

    /// Whether someone asked to cancel the job. Steps that wait look at it.
    package var isCancelRequested: Bool { cancelRequested() }

    /// For a step that may be cancelled until it has brought about what it is for: from here on a cancel comes too late.
    /// Answers false if one was accepted before.
    package func refuseCancels() -> Bool { cancelsRefused() }
}

/// What a running step tells the engine.
enum StepReport: Sendable {
    case log(String)
    case progress(done: Int64, total: Int64?)
    case items(done: Int64, total: Int64)
}
