internal import HTTPServer
internal import JSON
internal import JobQueue
internal import Platform
internal import VirtManager

/// The one place that knows which error is which status, and how it is written (RFC 9457).
struct ErrorResponder: Sendable {
    /// What an error is told about the request it answers.
    struct Occasion: Sendable {
        let path: String
        let requestID: String
    }

    /// The answer to any error, and the error in the terms of the API for the log.
    func respond(to error: any Error, _ occasion: Occasion) -> HTTPResponse {
        let refusal = Self.refusal(error)
        let status = refusal.status ?? Self.status(refusal.error)
        var response = Problem(status: status, refusal: refusal, occasion: occasion).response
        for (name, value) in refusal.fields.pairs { response.fields.append(name, value) }
        if let seconds = Self.retryAfter(status, refusal.error) { response.fields.append("Retry-After", String(seconds)) }
        return response
    }

    /// An error that the server found before, or instead of, any handler.
    func respond(to error: HTTPProtocolError, _ occasion: Occasion) -> HTTPResponse {
        let category: ServiceError.Class =
            switch error.status {
            case 408: .timeout
            case 413: .limit
            case 500: .internal
            case 503: .temporary
            default: .malformed
            }
        var refusal = Refusal(status: error.status, error.code, category, error.detail)
        refusal.error.isRetryable = error.status == 408 || error.status == 503
        return respond(to: refusal, occasion)
    }

    /// Any error as one that has a form here.
    static func refusal(_ error: any Error) -> Refusal {
        switch error {
        case let refusal as Refusal: return refusal
        case let service as ServiceError: return Refusal(service)
        case let failure as JobFailure: return Refusal(ServiceError(failure))
        case let body as HTTPBodyError: return refusal(body)
        case let enqueue as EnqueueError: return Refusal(serviceError(enqueue))
        case BlockingPoolError.full:
            return Refusal(
                ServiceError(
                    "daemon.busy", .temporary, "too many requests wait for the database", isRetryable: true, retryAfterSeconds: 1))
        default:
            var service = ServiceError(JobFailure.from(error))
            if !(error is any JobFailureConvertible) {
                service.detail = "an internal error stopped this request; the daemon's log has it under the request's id"
            }
            return Refusal(service)
        }
    }

    private static func refusal(_ error: HTTPBodyError) -> Refusal {
        switch error {
        case .tooLarge:
            Refusal(
                status: 413, "body.too_large", .limit, "the body is larger than the \(JSONBody.limit) bytes that are taken here")
        case .malformed(let error): Refusal(status: error.status, error.code, .malformed, error.detail)
        // Nobody reads these two: the connection is gone.
        case .disconnected, .cancelled: Refusal(status: 400, "body.cut", .malformed, "the body ended too early")
        case .lengthExceeded: Refusal("internal", .internal, "an answer did not have its length")
        }
    }

    private static func serviceError(_ error: EnqueueError) -> ServiceError {
        switch error {
        case .reserved(let name, let job):
            ServiceError(
                "resource.reserved", .conflict, "job \(job) is making '\(name)'", isRetryable: true,
                hints: ["wait for it: GET /v1/jobs/\(job)?wait=30s"])
        case .keyReused(let job): .keyReused(job)
        case .unknownKind(let kind): ServiceError("internal", .internal, "there is no job kind '\(kind)'")
        case .draining:
            ServiceError("daemon.stopping", .temporary, "the daemon is stopping", isRetryable: true, retryAfterSeconds: 2)
        }
    }

    static func status(_ error: ServiceError) -> Int {
        switch error.category {
        case .malformed: 400
        case .invalid: 422
        case .auth: 401
        case .forbidden: 403
        case .notFound: 404
        case .state, .conflict, .attention: 409
        // Asking for too much at once may work later; asking for too much of one thing never will.
        case .limit: error.isRetryable ? 429 : 422
        case .noSpace: 507
        case .temporary: error.code == "host.connection_lost" ? 502 : 503
        case .timeout: 504
        case .unsupported: 501
        case .internal: 500
        }
    }

    private static func retryAfter(_ status: Int, _ error: ServiceError) -> Int? {
        if let seconds = error.retryAfterSeconds { return max(1, seconds) }
        return status == 429 || status == 503 ? 1 : nil
    }
}

extension Refusal {
    init(_ error: ServiceError) {
        self.init(error.code, error.category, error.detail)
        self.error = error
    }
}

extension ServiceError {
    /// A key that was used for something else before.
    static func keyReused(_ job: JobID) -> ServiceError {
        ServiceError(
            "idempotency.key_reused", .invalid,
            "this Idempotency-Key belongs to another request: same key, but another method, target or body",
            hints: ["take a fresh key for a new request; GET /v1/jobs/\(job) is what the key stands for"], job: job)
    }
}
