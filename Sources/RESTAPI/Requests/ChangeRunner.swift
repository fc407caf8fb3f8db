internal import HTTPServer
internal import JSON
internal import JobQueue
internal import VirtManager

/// What all mutations have in common: body, key, wait, and the form of the answer.
struct ChangeRunner: Sendable {
    let jobs: JobService
    let encoder: ResourceEncoder

    func run(_ action: ChangeAction, _ exchange: Exchange, _ query: QueryReader) async throws -> HTTPResponse {
        let bytes = try await JSONBody.read(exchange.request)
        let key = try IdempotencyRequest.read(exchange.request, exchange.caller, content: bytes)
        let wait = WaitRequest.read(exchange.request, query)
        // Before the request itself is judged: what was right once must not fail now because the world has moved on.
        if let key, let job = try jobs.earlier(key) { return try await answer(.job(job), wait: wait) }
        let mutation = Self.mutation(exchange, query, key)
        let body: JSONValue?
        do throws(Refusal) {
            body = try JSONBody.parse(bytes, action.body)
        } catch {
            // A query that is wrong too would otherwise be told only after the next attempt.
            try query.finish()
            throw error
        }
        let change = Change(exchange: exchange, query: query, body: body, mutation: mutation)
        do {
            return try await answer(try await replaying(key) { try await action.handler(change) }, wait: wait)
        } catch let error as ServiceError where mutation.dryRun && Self.blockers.contains(error.category) {
            return try await answer(.plan(DryRun(refused: error)), wait: nil)
        }
    }

    /// What stands in the way of a well-formed request: the answer of a dry run, not its failure.
    private static let blockers: Set<ServiceError.Class> = [.conflict, .state, .noSpace, .unsupported]

    /// Of two equal requests at once the later one may be refused for what the earlier one just made: it gets that one's job too.
    func replaying(_ key: IdempotencyKey?, _ work: () async throws -> ChangeResult) async throws -> ChangeResult {
        do {
            return try await work()
        } catch {
            if let key, let job = try? jobs.earlier(key) { return .job(job) }
            throw error
        }
    }

    /// The parts of a mutation that are the same everywhere.
    static func mutation(_ exchange: Exchange, _ query: QueryReader, _ key: IdempotencyKey?) -> Mutation {
        let isBusyFailure = query.choice("if_busy", ["fail", "wait"]) == "fail"
        return Mutation(
            caller: exchange.caller, idempotency: key, reason: nil, dryRun: query.flag("dry_run"), failIfBusy: isBusyFailure)
    }

    /// - Parameter wait: nil answers a job at once.
    func answer(_ result: ChangeResult, wait: Duration?) async throws -> HTTPResponse {
        switch result {
        case .unchanged(let object): return Answer.bytes(object.adding("changed", false).line, Answer.json)
        case .plan(let plan): return Answer.object(plan)
        case .absent: return Answer.empty(204)
        case .told(let job, let status):
            guard let wait, !job.state.endsWaits else { return told(job, status) }
            let ended = try await jobs.wait(job.id, after: nil, limit: wait)
            return told(ended, ended.state.endsWaits ? 200 : status)
        case .job(let job):
            guard let wait else { return Answer.accepted(job) }
            let ended = job.state.endsWaits ? job : try await jobs.wait(job.id, after: nil, limit: wait)
            return try await self.result(of: ended)
        }
    }

    private func told(_ job: Job, _ status: Int) -> HTTPResponse {
        Answer.object(job, status: status, fields: ["Location": Answer.path(job.id), "Job": job.id.text])
    }

    /// The answer of a mutation whose waiting is over: the resource, the problem, or 202 while the job goes on.
    func result(of job: Job) async throws -> HTTPResponse {
        switch job.state {
        case .queued, .waiting, .running: return Answer.accepted(job)
        case .failed, .cancelled, .needsAttention: throw Self.failure(job)
        case .succeeded: break
        }
        var header: HTTPFields = ["Job": job.id.text]
        if let applied = Self.applied(job.result?["applied"]) { header.append("Applied", applied) }
        if job.kind.hasPrefix("vms."), let result = job.result { return Answer.object(result, fields: header) }
        if job.kind.hasSuffix(".delete") { return Answer.empty(204, fields: header) }
        guard let path = job.resources.first, let object = try await encoder.object(at: path, host: job.host) else {
            // It is gone again, or nothing that has a path: the job tells what was done.
            return Answer.object(job, fields: header)
        }
        let isMade = job.kind.hasSuffix(".create") || job.kind.hasSuffix(".upload")
        var fields = header
        if isMade { fields.append("Location", path) }
        if path.hasPrefix("/v1/vms/") { fields.append("ETag", object.entityTag) }
        return Answer.bytes(object.line, Answer.json, status: isMade ? 201 : 200, fields: fields)
    }

    /// Where a change took effect: `live`, or `vcpus=live, memory=next_boot` where its parts differ.
    private static func applied(_ value: JSONValue?) -> String? {
        if let word = value?.stringValue { return word }
        return value?.objectValue?.fields.map { "\($0.name)=\($0.value.stringValue ?? "")" }.joined(separator: ", ")
    }

    /// The problem that a job which did not succeed is for whoever waited.
    static func failure(_ job: Job) -> Refusal {
        let cause =
            job.failure
            ?? JobFailure(
                job.state == .needsAttention ? "job.needs_attention" : "internal",
                category: job.state == .needsAttention ? "attention" : "internal",
                detail: "the job ended as '\(job.state.rawValue)' without a reason")
        var error = ServiceError(cause, job: job.id)
        // Whatever stopped it: now an operator has to look.
        if job.state == .needsAttention { error.category = .attention }
        error.hints.append("GET \(Answer.path(job.id)) and \(Answer.path(job.id))/log tell what was done")
        return Refusal(error)
    }
}
