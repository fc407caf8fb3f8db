import JSON
import Testing

extension DaemonProcess {
    func get(_ path: String, limit: Duration = .seconds(30)) async throws -> HTTPAnswer {
        try await client.send("GET", path, limit: limit)
    }

    /// - Parameter key: goes out as `Idempotency-Key`.
    func send(
        _ method: String, _ path: String, _ body: JSONValue? = nil, key: String? = nil, limit: Duration = .seconds(90)
    ) async throws
        -> HTTPAnswer
    {
        var fields = [("Content-Type", "application/json")]
        if let key { fields.append(("Idempotency-Key", key)) }
        return try await client.send(method, path, fields: fields, body: body?.compact() ?? [], limit: limit)
    }

    func post(_ path: String, _ body: JSONValue? = nil, key: String? = nil) async throws -> HTTPAnswer {
        try await send("POST", path, body, key: key)
    }

    func delete(_ path: String, key: String? = nil) async throws -> HTTPAnswer { try await send("DELETE", path, key: key) }

    func job(_ id: String, wait: String? = nil) async throws -> HTTPAnswer {
        try await get("/v1/jobs/\(id)\(wait.map { "?wait=\($0)" } ?? "")", limit: .seconds(90)).require(200)
    }

    /// Asks until `isTrue` or the limit; answers what came last.
    @discardableResult
    func poll(
        _ path: String, within limit: Duration = .seconds(20), sourceLocation: SourceLocation = #_sourceLocation,
        until isTrue: (HTTPAnswer) -> Bool
    ) async throws -> HTTPAnswer {
        let end = ContinuousClock.now + limit
        while true {
            let answer = try await get(path)
            if isTrue(answer) { return answer }
            try #require(ContinuousClock.now < end, "\(path) is still \(answer)", sourceLocation: sourceLocation)
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}
