internal import HTTPServer
internal import JSON
internal import JobQueue
internal import VirtManager

/// An error as `application/problem+json` (RFC 9457).
struct Problem: JSONWritable {
    let status: Int
    let refusal: Refusal
    let occasion: ErrorResponder.Occasion

    var response: HTTPResponse {
        HTTPResponse(
            status: status, fields: ["Content-Type": "application/problem+json"], body: .bytes(Answer.line(JSONWriter.encode(self))))
    }

    private var error: ServiceError { refusal.error }

    /// On the wire there is no `malformed`: a request that cannot be read is one that is not valid.
    private var category: ServiceError.Class { error.category == .malformed ? .invalid : error.category }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("type", "urn:gantry:error:\(error.code)")
            writer.field("title", Self.title(category))
            writer.field("status", status)
            writer.field("detail", error.detail.isEmpty ? Self.title(category) : error.detail)
            writer.field("instance", occasion.path)
            writer.field("code", error.code)
            writer.field("class", category.rawValue)
            writer.field("retryable", error.isRetryable)
            if !refusal.parameters.isEmpty || !error.problems.isEmpty {
                writer.field("errors") { writer in
                    writer.array { writer in
                        for problem in refusal.parameters { writer.value(problem) }
                        for problem in error.problems { Self.write(problem, to: &writer) }
                    }
                }
            }
            if let native = error.native { writer.field("libvirt", native) }
            writer.field("hints", error.hints)
            if let job = error.job { writer.field("job", job.text) }
            for field in error.details.fields where !Self.members.contains(field.name) { writer.field(field.name, field.value) }
            writer.field("request_id", occasion.requestID)
        }
    }

    /// What has no pointer into the body is a parameter or a part of the path.
    private static func write(_ problem: FieldProblem, to writer: inout JSONWriter) {
        if problem.pointer.isEmpty || problem.pointer.hasPrefix("/") { return writer.value(problem) }
        writer.value(ParameterProblem(problem.pointer, problem.detail, value: problem.value, allowed: problem.allowed))
    }

    private static let members: Set<String> = [
        "type", "title", "status", "detail", "instance", "code", "class", "retryable", "errors", "libvirt", "hints", "job", "request_id",
    ]

    private static func title(_ category: ServiceError.Class) -> String {
        switch category {
        case .malformed, .invalid: "The request is not valid."
        case .auth: "Authentication is required."
        case .forbidden: "This is not allowed."
        case .notFound: "There is no such thing."
        case .state: "The present state does not allow this."
        case .conflict: "Something else is in the way."
        case .limit: "A limit is reached."
        case .noSpace: "There is not enough space."
        case .temporary: "This cannot be done right now."
        case .timeout: "The host did not answer in time."
        case .unsupported: "This hypervisor cannot do that."
        case .attention: "A job needs an operator."
        case .internal: "The daemon has a defect."
        }
    }
}
