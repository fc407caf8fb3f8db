internal import HTTPServer
internal import VirtManager

/// `/v1/hosts`.
struct HostHandlers: Sendable {
    let hosts: HostService
    let encoder: ResourceEncoder

    static let shape = ListShape(
        fields: [
            "type", "name", "uri", "state", "maintenance", "state_reason", "driver", "hypervisor_version", "libvirt_version", "cpus",
            "memory_bytes", "memory_free_bytes", "vms", "accel", "heartbeat", "migration",
        ], filters: ["name", "state", "driver"], sorts: ["name"], tie: [])

    var routes: [Route] {
        [
            .get("/v1/hosts", Self.shape.parameters) { exchange, query in
                let list = ListQuery(query, Self.shape)
                try query.finish()
                return ListAnswer.make(exchange, hosts.list().map { encoder.object($0) }, list)
            },
            .get("/v1/hosts/{host}", [.value("fields")]) { exchange, query in
                let fields = query.words("fields", allowed: Self.shape.fields)
                try query.finish()
                return ResourceAnswer.make(encoder.object(try hosts.get(exchange.name("host"))), fields)
            },
            .get("/v1/hosts/{host}/capabilities", [.value("fields")]) { exchange, query in
                let fields = query.words("fields", allowed: HostCapabilityState.fields)
                try query.finish()
                let found = try await hosts.capabilities(exchange.name("host"))
                return ResourceAnswer.tagged(exchange, encoder.object(found), fields)
            },
        ]
    }
}
