internal import HTTPServer
internal import VirtManager

/// `/v1/pools`.
struct PoolHandlers: Sendable {
    let storage: StorageService
    let encoder: ResourceEncoder

    static let shape = ListShape(
        fields: [
            "type", "id", "name", "host", "pool_type", "state", "active", "path", "autostart", "persistent", "capacity_bytes",
            "allocation_bytes", "available_bytes", "usable", "volume_formats", "stale",
        ], filters: ["name", "host", "state", "active", "pool_type"], sorts: ["name"], tie: ["host"])

    var routes: [Route] { reads + mutations }

    private var mutations: [Route] {
        let one = "/v1/pools/{pool}"
        return [
            .change(.post, "/v1/pools", body: .required) { change in
                try change.query.finish()
                return ChangeResult(try await storage.createPool(change.object, change.mutation)) { encoder.object($0) }
            },
            .change(.patch, one, [.value("host")], body: .required) { change in
                let host = change.query.text("host")
                try change.query.finish()
                let pool = try storage.pool(change.exchange.name("pool"), host: host)
                return ChangeResult(try await storage.updatePool(pool, patch: change.object, change.mutation)) { encoder.object($0) }
            },
            .change(.delete, one, [.value("host"), .value("missing")], body: .none) { change in
                let host = change.query.text("host")
                let missingOK = change.query.choice("missing", ["ok", "fail"]) == "ok"
                try change.query.finish()
                let outcome = try await storage.deletePool(
                    change.exchange.name("pool"), host: host, missingOK: missingOK, change.mutation)
                return ChangeResult(outcome) { encoder.object($0) }
            },
            .change(.post, "\(one)/refresh", [.value("host")], body: .none) { change in
                let host = change.query.text("host")
                try change.query.finish()
                return ChangeResult(try await storage.refreshPool(change.exchange.name("pool"), host: host, change.mutation)) {
                    encoder.object($0)
                }
            },
        ]
    }

    private var reads: [Route] {
        [
            .get("/v1/pools", Self.shape.parameters) { exchange, query in
                let list = ListQuery(query, Self.shape)
                try query.finish()
                return ListAnswer.make(exchange, try storage.pools(host: nil).map { encoder.object($0) }, list)
            },
            .get("/v1/pools/{pool}", [.value("host"), .value("fields")]) { exchange, query in
                let host = query.text("host")
                let fields = query.words("fields", allowed: Self.shape.fields)
                try query.finish()
                return ResourceAnswer.make(encoder.object(try storage.pool(exchange.name("pool"), host: host)), fields)
            },
        ]
    }
}
