internal import HTTPServer
internal import VirtManager

/// One request on its way through a handler: what came, who sent it, and what the route made of its path.
struct Exchange: Sendable {
    let request: HTTPRequest
    /// Goes out as `X-Request-Id`, into the log and into every problem.
    let id: String
    let route: Route
    let names: [String: String]
    let query: Query
    let caller: Caller

    /// The decoded value of `{name}` in the route's path.
    func name(_ name: String) -> String { names[name] ?? "" }

    var isHead: Bool { request.method == .head }

    /// Whether lines of JSON are wanted instead of one list.
    var wantsLines: Bool { accepts("application/x-ndjson") }

    /// Whether the client names this type as one that it takes.
    func accepts(_ type: String) -> Bool {
        guard let accept = request.headers["accept"] else { return false }
        return accept.split(separator: ",").contains { part in
            part.split(separator: ";").first?.filter { $0 != " " }.lowercased() == type
        }
    }
}
