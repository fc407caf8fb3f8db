package import HTTPServer
internal import Synchronization
package import Telemetry
package import VirtManager

/// The REST API behind the HTTP server: finds the route, checks the caller, runs the handler, and writes every error.
///
/// All calls come on the server's loop; reads of the inventory are answered without suspending.
package final class APIHandler: HTTPHandler {
    private let router: Router
    /// Everything that can be asked for.
    package let routes: [Route]
    private let authenticator: Authenticator
    private let changes: ChangeRunner
    private let errors = ErrorResponder()
    private let figures: RequestFigures
    private let log: Log
    private let idPrefix: String
    private let idNumber = Atomic<UInt64>(0)

    /// - Parameters:
    ///   - version: of the daemon, for `GET /v1`.
    ///   - metrics: the registry that `/metrics` shows; the figures of requests are added to it.
    package init(
        manager: Manager, authentication: Authentication, version: String, metrics: Metrics, log: Log
    ) {
        let encoder = ResourceEncoder(manager: manager)
        var routes = RouteTable.routes(manager: manager, encoder: encoder, version: version, metrics: metrics)
        for index in routes.indices { routes[index].number = index }
        self.routes = routes
        router = Router(routes)
        authenticator = Authenticator(authentication)
        changes = ChangeRunner(jobs: manager.jobs, encoder: encoder)
        figures = RequestFigures(metrics, routes)
        self.log = log.named("http")
        // Tells requests of different lives of the daemon apart.
        idPrefix = EncodedObject.nonce()
    }

    /// For a configuration that was read again (SIGHUP).
    package func replace(_ authentication: Authentication) { authenticator.replace(authentication) }

    // MARK: HTTPHandler

    package func respond(to request: HTTPRequest) async -> HTTPResponse {
        let start = ContinuousClock.now
        let id = request.id ?? nextID()
        var route: Route?
        var isKnown = false
        var response: HTTPResponse
        do {
            let match = router.match(request.method, request.path)
            if case .route(let found, _) = match { route = found }
            let caller = try admit(request, match)
            isKnown = caller != Authenticator.nobody
            response = try await answer(request, match, id, caller)
        } catch {
            response = refuse(error, request, id)
        }
        response.fields.append("X-Request-Id", id)
        response.callerIsKnown = isKnown
        note(request, response.status, id, route, ContinuousClock.now - start)
        return response
    }

    package func respond(toProtocolError error: HTTPProtocolError, request: HTTPRequest?) -> HTTPResponse {
        let id = request?.id ?? nextID()
        var response = errors.respond(to: error, ErrorResponder.Occasion(path: request?.path ?? "/", requestID: id))
        response.fields.append("X-Request-Id", id)
        figures.count(error)
        log.debug("protocol error", ["status": error.status, "code": error.code, "request_id": id])
        return response
    }

    // MARK: Steps

    /// The caller, before anything of the request but its head is looked at. Open paths take anybody.
    private func admit(_ request: HTTPRequest, _ match: Router.Match) throws(Refusal) -> Caller {
        try Authenticator.checkOrigin(request)
        switch match {
        case .route(let route, _) where route.access == .open: return Authenticator.nobody
        case .otherMethod(_, .open): return Authenticator.nobody
        default: return try authenticator.caller(of: request)
        }
    }

    private func answer(_ request: HTTPRequest, _ match: Router.Match, _ id: String, _ caller: Caller) async throws -> HTTPResponse {
        switch match {
        case .route(let route, let names):
            let query = request.query == nil ? Query.empty : Query(request.query, allowed: route.parameters)
            let exchange = Exchange(request: request, id: id, route: route, names: names, query: query, caller: caller)
            let reader = QueryReader(query)
            switch route.action {
            case .read(let handler), .upload(let handler): return try await handler(exchange, reader)
            case .change(let action): return try await changes.run(action, exchange, reader)
            }
        case .otherMethod(let allowed, _):
            let allow = allowed.map(\.rawValue).joined(separator: ", ")
            if request.method == .options { return Answer.empty(204, fields: ["Allow": allow]) }
            throw Refusal(
                status: 405, "http.method_not_allowed", .malformed, "this path takes \(allow)", fields: ["Allow": allow])
        case .badPath:
            throw Refusal(
                status: 400, "http.bad_path", .malformed,
                "a name in the path is empty, or not the percent-encoding of UTF-8 text without slashes and control characters")
        case .none:
            throw Refusal(
                "http.no_such_path", .notFound, "there is nothing at this path", hints: ["GET /v1 and GET /openapi.yaml tell what there is"]
            )
        }
    }

    private func refuse(_ error: any Error, _ request: HTTPRequest, _ id: String) -> HTTPResponse {
        let response = errors.respond(to: error, ErrorResponder.Occasion(path: request.path, requestID: id))
        if response.status == 500 {
            log.error("request failed by a defect", ["request_id": id, "path": request.path, "error": String(describing: error)])
        }
        return response
    }

    private func nextID() -> String {
        let number = idNumber.wrappingAdd(1, ordering: .relaxed).newValue
        return "\(idPrefix)-\(String(number, radix: 16))"
    }

    private func note(_ request: HTTPRequest, _ status: Int, _ id: String, _ route: Route?, _ time: Duration) {
        figures.count(route, status, time)
        let isQuiet = status < 400 && (request.method == .get || request.method == .head || request.method == .options)
        guard log.isEnabled(isQuiet ? .debug : .info) else { return }
        let fields: Log.Fields = [
            "method": request.method.rawValue, "path": request.path, "status": status,
            "ms": Int((time / .milliseconds(1)).rounded()), "peer": Self.describe(request.peer), "request_id": id,
        ]
        if isQuiet { log.debug("request", fields) } else { log.info("request", fields) }
    }

    private static func describe(_ peer: HTTPPeer) -> String {
        switch peer {
        case .unix(let pid, let uid, _, _): "unix uid=\(uid) pid=\(pid)"
        case .tcp(let address, let port): address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
        }
    }
}
