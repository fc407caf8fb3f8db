internal import HTTPServer

/// Finds the route of a request.
struct Router: Sendable {
    enum Match: Sendable {
        case route(Route, names: [String: String])
        /// The path is one of ours, the method is not one of its.
        case otherMethod(allowed: [HTTPMethod], access: Route.Access)
        /// The names in the path do not decode.
        case badPath
        case none
    }

    /// Routes by their number of segments: few candidates are left to compare.
    private let byCount: [[Route]]

    init(_ routes: [Route]) {
        var byCount: [[Route]] = Array(repeating: [], count: (routes.map(\.pattern.parts.count).max() ?? 0) + 1)
        for route in routes { byCount[route.pattern.parts.count].append(route) }
        self.byCount = byCount
    }

    /// HEAD is answered as GET (RFC 9110 §9.3.2).
    func match(_ method: HTTPMethod, _ path: String) -> Match {
        guard path.utf8.first == UInt8(ascii: "/") else { return .none }
        let segments = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        guard byCount.indices.contains(segments.count) else { return .none }
        let method = method == .head ? .get : method
        var others: [Route] = []
        for route in byCount[segments.count] {
            guard let values = route.pattern.match(segments) else { continue }
            guard route.method == method else {
                others.append(route)
                continue
            }
            return found(route, values)
        }
        guard let first = others.first else { return .none }
        return .otherMethod(allowed: Self.allowed(others), access: first.access)
    }

    private func found(_ route: Route, _ values: [(name: String, value: Substring)]) -> Match {
        var names: [String: String] = [:]
        for (name, value) in values {
            guard let decoded = PercentDecoding.decode(value), !decoded.isEmpty, !decoded.utf8.contains(UInt8(ascii: "/")) else {
                return .badPath
            }
            names[name] = decoded
        }
        return .route(route, names: names)
    }

    /// The methods of a path with those that every path has, for `Allow` (RFC 9110 §10.2.1).
    private static func allowed(_ routes: [Route]) -> [HTTPMethod] {
        var methods = routes.map(\.method)
        if methods.contains(.get) { methods.append(.head) }
        return methods + [.options]
    }
}
