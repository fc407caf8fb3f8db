internal import HTTPServer
internal import JSON
internal import VirtManager

/// `/v1/events`: the timeline by cursor, or as it comes (Server-Sent Events).
struct EventHandlers: Sendable {
    let events: EventLog
    let encoder: ResourceEncoder

    private static let defaultLimit: Int64 = 100
    private static let mostWords = 100
    private static let parameters: [QueryParameter] = ["after", "before", "limit", "fields", "kind", "resource", "origin"].map(
        QueryParameter.value)

    var routes: [Route] {
        [.get("/v1/events", Self.parameters) { exchange, query in try await get(exchange, query) }]
    }

    private func get(_ exchange: Exchange, _ query: QueryReader) async throws -> HTTPResponse {
        var filter = EventFilter()
        filter.kinds = Self.words(query, "kind")
        filter.resources = Self.words(query, "resource")
        filter.origins = (query.words("origin", allowed: Event.Origin.allCases.map(\.rawValue)) ?? []).compactMap(
            Event.Origin.init(rawValue:))
        let after = query.integer("after", in: 0 ... .max)
        if exchange.accepts("text/event-stream") {
            for name in ["before", "limit", "fields"] where query.query[name] != nil {
                query.problem(name, "does not go with a stream")
            }
            return try await stream(exchange, query, filter, after: after)
        }
        let before = query.integer("before", in: 1 ... .max)
        if after != nil, before != nil { query.problem("before", "does not go with 'after'") }
        let limit = query.integer("limit", in: 1...ListQuery.maximum) ?? Self.defaultLimit
        let fields = query.words("fields", allowed: Event.fields)
        try query.finish()
        return try await list(exchange, filter, after: after, before: before, limit: Int(limit), fields)
    }

    /// As many as anybody needs; each becomes a condition of the database's search, which has an end.
    private static func words(_ query: QueryReader, _ name: String) -> [String] {
        let words = query.words(name) ?? []
        if words.count > mostWords { query.problem(name, "has \(words.count) words; at most \(mostWords) are taken") }
        return words
    }

    private func list(
        _ exchange: Exchange, _ filter: EventFilter, after: Int64?, before: Int64?, limit: Int, _ fields: [String]?
    ) async throws -> HTTPResponse {
        // One more than wanted tells whether there is a next page.
        var found = try await events.list(filter, after: after, before: before, limit: limit + 1)
        let hasMore = found.count > limit
        if hasMore { found.removeLast(found.count - limit) }
        let objects = found.map { event in
            let object = encoder.object(event)
            return fields.map(object.selecting) ?? object
        }
        let cursor = after == nil ? "before" : "after"
        var response = ListAnswer.make(exchange, objects, next: hasMore ? found.last.map { String($0.id) } : nil, cursor: cursor)
        if let after, let lost = try await lost(since: after) { response.fields.append("Events-Lost", lost) }
        return response
    }

    /// The ids that were asked for and are not kept any more, as `FIRST-LAST`; also of a timeline that began anew.
    private func lost(since after: Int64) async throws -> String? {
        let (first, last) = try await events.bounds()
        if after > last { return "\(last + 1)-\(after)" }
        return after + 1 < first ? "\(after + 1)-\(first - 1)" : nil
    }

    // MARK: As it comes

    private func stream(_ exchange: Exchange, _ query: QueryReader, _ filter: EventFilter, after: Int64?) async throws -> HTTPResponse {
        // What a browser sends when it connects again counts before what it was told to begin with.
        var start = after
        if let text = exchange.request.headers["last-event-id"], !text.isEmpty {
            start = Int64(text)
            if start.map({ $0 < 0 }) ?? true {
                query.problem("Last-Event-ID", "must be the id of an event", value: text)
            }
        }
        try query.finish()
        let bounds = try await events.bounds()
        guard let follower = events.follow() else {
            throw ServiceError(
                "limit.event_followers", .limit, "as many clients as may follow the events do so already", isRetryable: true,
                hints: ["GET /v1/events?after=CURSOR asks for what is new", "limits.event_followers in the configuration allows more"],
                retryAfterSeconds: 5)
        }
        exchange.request.endWithClient()
        let cursor = start ?? bounds.last
        let stream = EventStream(events: events, follower: follower, filter: filter)
        return HTTPResponse(
            status: 200, fields: ["Content-Type": "text/event-stream", "Cache-Control": "no-store"],
            body: .stream(length: nil) { writer in
                defer { follower.stop() }
                try await stream.run(from: cursor, bounds: bounds, to: writer)
            })
    }
}
