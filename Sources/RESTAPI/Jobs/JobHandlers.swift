internal import HTTPServer
internal import JSON
internal import JobQueue
internal import Platform
internal import VirtManager

/// `/v1/jobs` and the jobs of a machine.
struct JobHandlers: Sendable {
    let jobs: JobService
    let machines: MachineService
    let encoder: ResourceEncoder
    let changes: ChangeRunner

    static let fields = [
        "type", "id", "kind", "state", "done", "seq", "resources", "progress", "attempt", "result", "error", "blocked_by", "cancelable",
        "requestor", "reason", "idempotency_key", "retry_of", "created_at", "started_at", "ended_at", "timings",
    ]

    private static let defaultLimit: Int64 = 100
    private static let listParameters: [QueryParameter] =
        ["limit", "after", "sort", "fields", "state", "kind", "since"].map(QueryParameter.value)

    var routes: [Route] {
        [
            .get("/v1/jobs", Self.listParameters + [.value("resource"), .value("key")]) { exchange, query in
                try await list(exchange, query, resource: nil)
            },
            .get("/v1/vms/{vm}/jobs", Self.listParameters + [.value("host")]) { exchange, query in
                let host = query.text("host")
                let machine = Result { () throws -> MachineView in try machines.get(exchange.name("vm"), host: host) }
                return try await list(exchange, query, resource: machine)
            },
            .get("/v1/jobs/{job}", [.value("wait"), .value("after"), .value("fields")]) { exchange, query in
                try await get(exchange, query)
            },
            .get("/v1/jobs/{job}/result", [.value("wait")]) { exchange, query in try await result(exchange, query) },
            .get("/v1/jobs/{job}/log", [.value("after"), .value("limit")]) { exchange, query in try await log(exchange, query) },
            .change(.post, "/v1/jobs/{job}/cancel", body: .none) { change in try await cancel(change) },
            .change(.post, "/v1/jobs/{job}/retry", body: .none) { change in try await retry(change) },
        ]
    }

    // MARK: Reading

    private func list(
        _ exchange: Exchange, _ query: QueryReader, resource: Result<MachineView, any Error>?
    ) async throws -> HTTPResponse {
        var filter = JobFilter()
        let limit = query.integer("limit", in: 1...ListQuery.maximum) ?? Self.defaultLimit
        _ = query.choice("sort", ["-created_at"])
        let fields = query.words("fields", allowed: Self.fields)
        filter.states = (query.words("state", allowed: JobState.allCases.map(\.rawValue)) ?? []).compactMap(JobState.init(rawValue:))
        filter.kinds = query.words("kind") ?? []
        filter.keys = query.words("key") ?? []
        filter.resources = query.words("resource") ?? []
        if let text = query.text("since") {
            filter.since = Timestamp(text)
            if filter.since == nil {
                query.problem("since", "must be a time such as 2026-11-21T13:45:08.123Z", value: text)
            }
        }
        var after: JobID?
        if let text = query.text("after") {
            after = JobID(text)
            if after == nil { query.problem("after", "must be the cursor of a page of this list, from its 'next'", value: text) }
        }
        try query.finish()
        if let resource { filter.resources = [try resource.get().path] }
        // One more than wanted tells whether there is a next page.
        var found = try await jobs.list(filter, after: after, limit: Int(limit) + 1)
        let hasMore = found.count > Int(limit)
        if hasMore { found.removeLast(found.count - Int(limit)) }
        let objects = found.map { job in
            let object = encoder.object(job)
            return fields.map(object.selecting) ?? object
        }
        return ListAnswer.make(exchange, objects, next: hasMore ? found.last?.id.text : nil)
    }

    private func get(_ exchange: Exchange, _ query: QueryReader) async throws -> HTTPResponse {
        let wait = WaitRequest.read(exchange.request, query)
        let after = query.integer("after", in: 0 ... .max)
        let fields = query.words("fields", allowed: Self.fields)
        try query.finish()
        var job = try await jobs.get(exchange.name("job"))
        if let wait { job = try await jobs.wait(job.id, after: after, limit: wait) }
        return ResourceAnswer.make(encoder.object(job), fields)
    }

    private func result(_ exchange: Exchange, _ query: QueryReader) async throws -> HTTPResponse {
        let wait = WaitRequest.read(exchange.request, query)
        try query.finish()
        var job = try await jobs.get(exchange.name("job"))
        if let wait { job = try await jobs.wait(job.id, after: nil, limit: wait) }
        return try await changes.result(of: job)
    }

    private func log(_ exchange: Exchange, _ query: QueryReader) async throws -> HTTPResponse {
        let after = query.integer("after", in: 0 ... .max) ?? 0
        let limit = query.integer("limit", in: 1...ListQuery.maximum) ?? 1000
        try query.finish()
        let job = try await jobs.get(exchange.name("job"))
        var lines = try await jobs.log(job.id, after: after, limit: Int(limit) + 1)
        let hasMore = lines.count > Int(limit)
        if hasMore { lines.removeLast(lines.count - Int(limit)) }
        let objects = lines.map { line in
            EncodedObject(
                ["n": .integer(line.n), "at": .string(line.at.description), "message": .string(line.message)] as JSONValue)
        }
        return ListAnswer.make(exchange, objects, next: hasMore ? lines.last.map { String($0.n) } : nil)
    }

    // MARK: Changing

    private func cancel(_ change: Change) async throws -> ChangeResult {
        try change.query.finish()
        let before = try await jobs.get(change.exchange.name("job"))
        if change.mutation.dryRun {
            let blockers =
                before.isCancelable || before.state.isTerminal
                ? [] : [DryRun.Blocker(code: "job.past_cancel", detail: "the job is past the point where it can be cancelled")]
            return .plan(DryRun(blockers: blockers, steps: before.state.isTerminal ? [] : ["cancel"]))
        }
        if before.state.isTerminal { return .told(before, status: 200) }
        return .told(try await jobs.cancel(before.id.text), status: 202)
    }

    private func retry(_ change: Change) async throws -> ChangeResult {
        try change.query.finish()
        let job = try await jobs.get(change.exchange.name("job"))
        if change.mutation.dryRun {
            let blockers =
                job.state.endsWaits
                ? [] : [DryRun.Blocker(code: "job.not_ended", detail: "the job has not ended", hint: "wait for its end")]
            return .plan(DryRun(blockers: blockers, steps: [job.kind]))
        }
        return .job(try await jobs.retry(job.id.text, change.mutation))
    }
}
