internal import HTTPServer
internal import VirtManager

/// `/v1/vms/{vm}/console/log`: what the guest prints on its serial console.
struct ConsoleHandlers: Sendable {
    let machines: MachineService
    let consoles: ConsoleService

    private static let path = "/v1/vms/{vm}/console/log"

    var routes: [Route] {
        [.get(Self.path, [.value("host"), .value("tail"), .value("follow")]) { exchange, query in try await read(exchange, query) }]
    }

    private func read(_ exchange: Exchange, _ query: QueryReader) async throws -> HTTPResponse {
        let host = query.text("host")
        let tail = query.integer("tail", in: 0...ConsoleService.longestTail) ?? ConsoleService.usualTail
        // Without a body there is nobody to follow for.
        let follow = query.flag("follow") && !exchange.isHead
        try query.finish()
        let machine = try machines.get(exchange.name("vm"), host: host)
        let stream = try await consoles.read(machine, tail: tail, follow: follow)
        if follow { exchange.request.endWithClient() }
        return HTTPResponse(
            status: 200, fields: ["Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"],
            body: .stream(length: nil) { writer in
                try await stream.send { bytes in try await writer.write(bytes) }
            })
    }
}
