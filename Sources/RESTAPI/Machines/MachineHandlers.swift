internal import HTTPServer
internal import JSON
internal import VirtManager

/// `/v1/vms`.
struct MachineHandlers: Sendable {
    let machines: MachineService
    let encoder: ResourceEncoder

    static let shape = ListShape(
        fields: [
            "type", "id", "name", "host", "state", "state_reason", "vcpus", "vcpus_max", "memory_bytes", "memory_max_bytes", "cpu",
            "machine", "accel", "firmware", "secure_boot", "tpm", "boot", "disks", "nics", "address", "template", "clone_mode", "labels",
            "description", "autostart", "managed", "snapshot_count", "current_snapshot", "active_job", "allowed_actions", "pending",
            "expires_at", "stale", "created_at", "started_at",
        ],
        filters: ["id", "name", "host", "state", "managed", "autostart", "accel", "firmware", "address", "stale"], hasLabels: true,
        sorts: ["name", "created_at"], tie: ["host", "id"])

    private static let host = QueryParameter.value("host")
    private var match: MachineMatch { MachineMatch(machines: machines, encoder: encoder) }

    var routes: [Route] {
        [
            .get("/v1/vms", Self.shape.parameters) { exchange, query in try list(exchange, query) },
            .change(.post, "/v1/vms", body: .required) { change in try await create(change) },
            .get("/v1/vms/{vm}", [Self.host, .value("fields")]) { exchange, query in try get(exchange, query) },
            .change(.put, "/v1/vms/{vm}", body: .required) { change in try await put(change) },
            .change(.patch, "/v1/vms/{vm}", [Self.host], body: .required) { change in try await patch(change) },
            .change(.delete, "/v1/vms/{vm}", [Self.host, .value("disks"), .value("missing")], body: .none) { change in
                try await delete(change)
            },
            .get("/v1/vms/{vm}/xml", [Self.host, .value("inactive")]) { exchange, query in try await xml(exchange, query) },
            .change(.post, "/v1/vms/{vm}/adopt", [Self.host], body: .optional) { change in try await adopt(change) },
        ] + MachineAction.allCases.map(actionRoute)
    }

    // MARK: Reading

    private func list(_ exchange: Exchange, _ query: QueryReader) throws -> HTTPResponse {
        let view = machines.view
        if exchange.request.query == nil, !exchange.wantsLines, view.machines.count <= Int(ListQuery.maximum) {
            let list = encoder.machines.list(view)
            let fields: HTTPFields = ["ETag": list.entityTag]
            if Preconditions.isNotModified(exchange.request, list.entityTag) { return Answer.empty(304, fields: fields) }
            return Answer.bytes(list.body, Answer.json, fields: fields)
        }
        let list = ListQuery(query, Self.shape)
        try query.finish()
        return ListAnswer.make(exchange, encoder.machines.objects(view), list, isOrdered: true)
    }

    private func get(_ exchange: Exchange, _ query: QueryReader) throws -> HTTPResponse {
        let host = query.text("host")
        let fields = query.words("fields", allowed: Self.shape.fields)
        try query.finish()
        return ResourceAnswer.tagged(exchange, encoder.object(try machines.get(exchange.name("vm"), host: host)), fields)
    }

    private func xml(_ exchange: Exchange, _ query: QueryReader) async throws -> HTTPResponse {
        let host = query.text("host")
        let inactive = query.flag("inactive")
        try query.finish()
        let text = try await machines.xml(try machines.get(exchange.name("vm"), host: host), inactive: inactive)
        return Answer.bytes(Array(text.utf8), "application/xml")
    }

    // MARK: Changing

    private func create(_ change: Change) async throws -> ChangeResult {
        try change.query.finish()
        return ChangeResult(try await machines.create(change.object, change.mutation)) { encoder.object($0) }
    }

    private func put(_ change: Change) async throws -> ChangeResult {
        try change.query.finish()
        let request = change.exchange.request
        if request.headers.contains("if-match") || request.headers.contains("if-none-match") {
            try Preconditions.requireMatch(request, try match.present(change.exchange.name("vm"), nil).map { encoder.object($0).entityTag })
        }
        return ChangeResult(try await machines.put(change.exchange.name("vm"), change.object, change.mutation)) { encoder.object($0) }
    }

    private func patch(_ change: Change) async throws -> ChangeResult {
        let host = change.query.text("host")
        try change.query.finish()
        let (machine, mutation) = try match.machine(change, host: host)
        return ChangeResult(try await machines.update(machine, patch: change.object, mutation)) { encoder.object($0) }
    }

    private func delete(_ change: Change) async throws -> ChangeResult {
        let host = change.query.text("host")
        let disks = change.query.choice("disks", ["owned", "all", "none"]) ?? "owned"
        let missingOK = change.query.choice("missing", ["ok", "fail"]) == "ok"
        try change.query.finish()
        let name = change.exchange.name("vm")
        let mutation = try Preconditions.mutation(change) { try match.present(name, host).map { encoder.object($0) } }
        let outcome = try await machines.delete(name, host: host, disks: disks, missingOK: missingOK, mutation)
        return ChangeResult(outcome) { encoder.object($0) }
    }

    private func adopt(_ change: Change) async throws -> ChangeResult {
        let host = change.query.text("host")
        try change.query.finish()
        let (machine, mutation) = try match.machine(change, host: host)
        return ChangeResult(try await machines.adopt(machine, body: change.body, mutation)) { encoder.object($0) }
    }

    private func actionRoute(_ action: MachineAction) -> Route {
        .change(.post, "/v1/vms/{vm}/\(action.rawValue)", [Self.host], body: .optional) { change in
            let host = change.query.text("host")
            try change.query.finish()
            let (machine, mutation) = try match.machine(change, host: host)
            return ChangeResult(try await machines.act(action, on: machine, body: change.body, mutation)) { encoder.object($0) }
        }
    }
}
