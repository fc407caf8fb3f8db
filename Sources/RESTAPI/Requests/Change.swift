internal import JSON
internal import JobQueue
internal import VirtManager

/// How a mutation is taken: with which body, and what does it.
struct ChangeAction: Sendable {
    enum Body: Sendable {
        case none, optional, required
    }
    let body: Body
    let handler: @Sendable (Change) async throws -> ChangeResult
}

/// A mutation as its handler gets it. Not Sendable: it lives with the request.
struct Change {
    let exchange: Exchange
    let query: QueryReader
    let body: JSONValue?
    let mutation: Mutation

    /// The body of a route that requires one.
    var object: JSONValue { body ?? .object(JSONObject()) }
}

/// `Outcome` with the resource as it goes out.
enum ChangeResult: Sendable {
    case unchanged(EncodedObject)
    case job(Job)
    case plan(DryRun)
    case absent
    /// A job that is the answer itself (cancel).
    case told(Job, status: Int)

    init<Value>(_ outcome: Outcome<Value>, _ encode: (Value) -> EncodedObject) {
        self =
            switch outcome {
            case .unchanged(let value): .unchanged(encode(value))
            case .job(let job): .job(job)
            case .plan(let plan): .plan(plan)
            case .absent: .absent
            }
    }
}
