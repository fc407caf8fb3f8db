internal import HTTPServer
internal import VirtManager

/// A `ServiceError` that this layer itself raises, with a status of its own, wrong parameters or header fields for the answer.
struct Refusal: Error, Sendable {
    /// nil: the status of the error's class.
    var status: Int?
    var error: ServiceError
    var parameters: [ParameterProblem]
    var fields: HTTPFields

    init(
        status: Int? = nil, _ code: String, _ category: ServiceError.Class, _ detail: String,
        parameters: [ParameterProblem] = [], hints: [String] = [], fields: HTTPFields = [:]
    ) {
        self.status = status
        error = ServiceError(code, category, detail, hints: hints)
        self.parameters = parameters
        self.fields = fields
    }
}
