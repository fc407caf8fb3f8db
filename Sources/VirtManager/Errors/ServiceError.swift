internal import Hypervisor
package import JSON
package import JobQueue

/// What a service refuses or could not do, in the terms of the API. One place (RESTAPI's `ErrorResponder`) knows its HTTP form.
package struct ServiceError: Error, Sendable, JobFailureConvertible {
    /// The classes of the API: they decide the status and tell whether a retry helps.
    package enum Class: String, Sendable, CaseIterable {
        case malformed, invalid, auth, forbidden
        case notFound = "not_found"
        case state, conflict, limit
        case noSpace = "no_space"
        case temporary, timeout, unsupported, attention
        case `internal`
    }

    /// Stable, dotted.
    package var code: String
    package var category: Class
    package var detail: String
    /// The fields at fault, all of them.
    package var problems: [FieldProblem]
    package var isRetryable: Bool
    /// What to do next.
    package var hints: [String]
    /// The driver's own error.
    package var native: JSONValue?
    package var job: JobID?
    /// Further members of the answer, such as `candidates`.
    package var details: JSONObject
    package var retryAfterSeconds: Int?

    package init(
        _ code: String, _ category: Class, _ detail: String, problems: [FieldProblem] = [], isRetryable: Bool = false,
        hints: [String] = [], native: JSONValue? = nil, job: JobID? = nil, details: JSONObject = JSONObject(),
        retryAfterSeconds: Int? = nil
    ) {
        self.code = code
        self.category = category
        self.detail = detail
        self.problems = problems
        self.isRetryable = isRetryable
        self.hints = hints
        self.native = native
        self.job = job
        self.details = details
        self.retryAfterSeconds = retryAfterSeconds
    }

    /// A failed job, as the answer of the request that waited for it.
    package init(_ failure: JobFailure, job: JobID? = nil) {
        self.init(
            failure.code, Class(rawValue: failure.category) ?? .internal, failure.detail, isRetryable: failure.isRetryable,
            hints: failure.hints, native: failure.native, job: job, details: failure.details)
    }

    package var jobFailure: JobFailure {
        var failure = JobFailure(
            code, category: category.rawValue, detail: detail, isRetryable: isRetryable, hints: hints, native: native,
            isTransient: category == .temporary)
        failure.details = details
        return failure
    }

    /// Bad fields of a request body.
    package static func invalid(_ problems: [FieldProblem]) -> ServiceError {
        let first = problems.first.map { "\($0.pointer.isEmpty ? "the body" : $0.pointer): \($0.detail)" } ?? "the body is not valid"
        let more = problems.count > 1 ? " (and \(problems.count - 1) more)" : ""
        return ServiceError("body.invalid", .invalid, first + more, problems: problems)
    }
}
