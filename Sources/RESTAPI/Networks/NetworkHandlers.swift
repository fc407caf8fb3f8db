internal import HTTPServer
internal import VirtManager

/// `/v1/networks`.
struct NetworkHandlers: Sendable {
    let networks: NetworkService
    let encoder: ResourceEncoder

    static let shape = ListShape(
        fields: [
            "type", "id", "name", "host", "mode", "bridge", "cidr", "dhcp", "reservations", "active", "autostart", "persistent", "stale",
        ],
        filters: ["name", "host", "mode", "active"], sorts: ["name"], tie: ["host"])

    static let leaseShape = ListShape(
        fields: ["mac", "address", "hostname", "expires_at", "vm"], filters: ["mac", "address", "hostname", "vm"], sorts: ["address"],
        tie: ["mac"])

    var routes: [Route] { reads + mutations }

    private var mutations: [Route] {
        let one = "/v1/networks/{network}"
        return [
            .change(.post, "/v1/networks", body: .required) { change in
                try change.query.finish()
                return ChangeResult(try await networks.create(change.object, change.mutation)) { encoder.object($0) }
            },
            .change(.patch, one, [.value("host")], body: .required) { change in
                let host = change.query.text("host")
                try change.query.finish()
                let network = try networks.get(change.exchange.name("network"), host: host)
                return ChangeResult(try await networks.update(network, patch: change.object, change.mutation)) { encoder.object($0) }
            },
            .change(.delete, one, [.value("host"), .value("missing")], body: .none) { change in
                let host = change.query.text("host")
                let missingOK = change.query.choice("missing", ["ok", "fail"]) == "ok"
                try change.query.finish()
                let outcome = try await networks.delete(
                    change.exchange.name("network"), host: host, missingOK: missingOK, change.mutation)
                return ChangeResult(outcome) { encoder.object($0) }
            },
        ]
    }

    private var reads: [Route] {
        [
            .get("/v1/networks", Self.shape.parameters) { exchange, query in
                let list = ListQuery(query, Self.shape)
                try query.finish()
                return ListAnswer.make(exchange, try networks.list(host: nil).map { encoder.object($0) }, list)
            },
            .get("/v1/networks/{network}", [.value("host"), .value("fields")]) { exchange, query in
                let host = query.text("host")
                let fields = query.words("fields", allowed: Self.shape.fields)
                try query.finish()
                return ResourceAnswer.make(encoder.object(try networks.get(exchange.name("network"), host: host)), fields)
            },
            .get("/v1/networks/{network}/leases", [.value("host")] + Self.leaseShape.parameters) { exchange, query in
                let host = query.text("host")
                let list = ListQuery(query, Self.leaseShape)
                try query.finish()
                let leases = try await networks.leases(exchange.name("network"), host: host)
                return ListAnswer.make(exchange, leases.map { encoder.object($0) }, list)
            },
        ]
    }
}
