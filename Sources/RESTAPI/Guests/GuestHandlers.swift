internal import HTTPServer
internal import Hypervisor
internal import JSON
internal import VirtManager

/// What is seen of a guest, and how it is reached: below `/v1/vms/{vm}`.
struct GuestHandlers: Sendable {
    let manager: Manager
    let encoder: ResourceEncoder

    private static let host = QueryParameter.value("host")

    static let addressShape = ListShape(
        fields: ["address", "prefix", "source", "observed_at", "age_seconds", "mac"], filters: ["source", "mac"], sorts: ["address"],
        tie: ["source", "mac"])

    var routes: [Route] {
        [
            .get("/v1/vms/{vm}/addresses", [Self.host, .value("refresh")] + Self.addressShape.parameters) { exchange, query in
                try await addresses(exchange, query)
            },
            .get("/v1/vms/{vm}/stats", [Self.host]) { exchange, query in try await stats(exchange, query) },
            .get("/v1/vms/{vm}/screenshot", [Self.host]) { exchange, query in try await screenshot(exchange, query) },
            .get("/v1/vms/{vm}/console/log", [Self.host, .value("tail"), .value("follow")]) { exchange, query in
                try await console(exchange, query)
            },
            Route(
                method: .post, pattern: PathPattern("/v1/vms/{vm}/exec"), access: .admin, parameters: [Self.host],
                action: .upload { exchange, query in try await exec(exchange, query) }),
        ]
    }

    private func machine(_ exchange: Exchange, _ host: String?) throws(ServiceError) -> MachineView {
        try manager.machines.get(exchange.name("vm"), host: host)
    }

    private func addresses(_ exchange: Exchange, _ query: QueryReader) async throws -> HTTPResponse {
        let host = query.text("host")
        let refresh = query.flag("refresh")
        let list = ListQuery(query, Self.addressShape)
        try query.finish()
        let found = try await manager.machines.addresses(try machine(exchange, host), refresh: refresh)
        return ListAnswer.make(exchange, found.map { encoder.object($0) }, list)
    }

    private func stats(_ exchange: Exchange, _ query: QueryReader) async throws -> HTTPResponse {
        let host = query.text("host")
        try query.finish()
        return Answer.object(try await manager.stats.usage(of: try machine(exchange, host)), fields: ["Cache-Control": "no-store"])
    }

    private func screenshot(_ exchange: Exchange, _ query: QueryReader) async throws -> HTTPResponse {
        let host = query.text("host")
        try query.finish()
        let picture = try await manager.machines.screenshot(try machine(exchange, host))
        return Answer.bytes(picture.bytes, picture.mediaType, fields: ["Cache-Control": "no-store"])
    }

    private func console(_ exchange: Exchange, _ query: QueryReader) async throws -> HTTPResponse {
        let host = query.text("host")
        let tail = query.integer("tail", in: 0...ConsoleService.longestTail) ?? ConsoleService.usualTail
        // Without a body there is nobody to follow for.
        let follow = query.flag("follow") && !exchange.isHead
        try query.finish()
        let stream = try await manager.consoles.read(try machine(exchange, host), tail: tail, follow: follow)
        if follow { exchange.request.endWithClient() }
        return HTTPResponse(
            status: 200, fields: ["Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"],
            body: .stream(length: nil) { writer in
                try await stream.send { bytes in try await writer.write(bytes) }
            })
    }

    /// Answered with what the program did, so there is no job: neither a key nor a dry run makes sense.
    private func exec(_ exchange: Exchange, _ query: QueryReader) async throws -> HTTPResponse {
        let request = exchange.request
        if request.headers.contains("idempotency-key") {
            throw Refusal(
                status: 400, "idempotency.unsupported", .malformed,
                "a program in a guest is not a job, and what it did cannot be told again",
                parameters: [ParameterProblem("Idempotency-Key", "must not be given")])
        }
        let host = query.text("host")
        let bytes = try await JSONBody.read(request)
        try query.finish()
        guard let body = try JSONBody.parse(bytes, .required) else { return Answer.empty(204) }
        let wish = try ExecRequest.read(body)
        request.endWithClient()
        return Answer.object(
            try await manager.execs.run(wish, in: try machine(exchange, host)), fields: ["Cache-Control": "no-store"])
    }
}
