internal import HTTPServer
internal import VirtManager

/// `/v1/pools`.
struct PoolHandlers: Sendable {
    let storage: StorageService
    let encoder: ResourceEncoder

    static let shape = ListShape(
        fields: [
            "type", "name", "host", "pool_type", "state", "path", "autostart", "capacity_bytes", "allocation_bytes", "available_bytes",
            "stale",
        ], filters: ["name", "host", "state", "pool_type"], sorts: ["name"], tie: ["host"])

    var routes: [Route] {
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
