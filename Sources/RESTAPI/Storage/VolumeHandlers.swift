internal import HTTPServer
internal import VirtManager

/// `/v1/pools/{pool}/volumes`.
struct VolumeHandlers: Sendable {
    let storage: StorageService
    let encoder: ResourceEncoder

    static let shape = ListShape(
        fields: [
            "type", "pool", "host", "name", "role", "path", "format", "capacity_bytes", "allocation_bytes", "backing", "used_by",
            "children", "protected", "sha256", "upload",
        ], filters: ["name", "role", "format", "protected"], sorts: ["name"], tie: [])

    private static let host = QueryParameter.value("host")

    var routes: [Route] {
        let all = "/v1/pools/{pool}/volumes"
        return [
            .get(all, [Self.host] + Self.shape.parameters) { exchange, query in
                let host = query.text("host")
                let list = ListQuery(query, Self.shape)
                try query.finish()
                let volumes = try await storage.volumes(pool: exchange.name("pool"), host: host)
                return ListAnswer.make(exchange, volumes.map { encoder.object($0) }, list)
            },
            .change(.post, all, [Self.host], body: .required) { change in
                let host = change.query.text("host")
                try change.query.finish()
                let outcome = try await storage.createVolume(
                    pool: change.exchange.name("pool"), host: host, change.object, change.mutation)
                return ChangeResult(outcome) { encoder.object($0) }
            },
            .get("\(all)/{volume}", [Self.host, .value("fields")]) { exchange, query in
                let host = query.text("host")
                let fields = query.words("fields", allowed: Self.shape.fields)
                try query.finish()
                let volume = try await storage.volume(pool: exchange.name("pool"), volume: exchange.name("volume"), host: host)
                return ResourceAnswer.make(encoder.object(volume), fields)
            },
            .change(.patch, "\(all)/{volume}", [Self.host], body: .required) { change in
                let host = change.query.text("host")
                try change.query.finish()
                let outcome = try await storage.updateVolume(
                    pool: change.exchange.name("pool"), volume: change.exchange.name("volume"), host: host, patch: change.object,
                    change.mutation)
                return ChangeResult(outcome) { encoder.object($0) }
            },
            .change(.delete, "\(all)/{volume}", [Self.host, .value("missing")], body: .none) { change in
                let host = change.query.text("host")
                let missingOK = change.query.choice("missing", ["ok", "fail"]) == "ok"
                try change.query.finish()
                let outcome = try await storage.deleteVolume(
                    pool: change.exchange.name("pool"), volume: change.exchange.name("volume"), host: host, missingOK: missingOK,
                    change.mutation)
                return ChangeResult(outcome) { encoder.object($0) }
            },
        ]
    }
}
