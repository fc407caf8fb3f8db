internal import HTTPServer
internal import JSON
internal import VirtManager

/// `If-None-Match` and `If-Match` (RFC 9110 §13.1).
enum Preconditions {
    /// Whether the client has this representation already: answer 304.
    static func isNotModified(_ request: HTTPRequest, _ entityTag: String) -> Bool {
        guard let wanted = request.headers["if-none-match"] else { return false }
        // Weak comparison: the client's copy may be marked weak by a cache on the way.
        return contains(wanted, entityTag, weak: true)
    }

    /// Throws 412 unless the client means the present representation; nil: there is none.
    static func requireMatch(_ request: HTTPRequest, _ entityTag: String?) throws(Refusal) {
        if let wanted = request.headers["if-match"] { try require(wanted, entityTag) }
        if let unwanted = request.headers["if-none-match"], let entityTag, contains(unwanted, entityTag, weak: true) {
            throw failed("If-None-Match", unwanted, "it is now \(entityTag)")
        }
    }

    /// The mutation, refused unless the client's `If-Match` is about what is there: now, and in the moment in which its job is taken.
    ///
    /// A job that stands in line before it may make something else of what the client saw: so it is refused behind one, while
    /// `*` only asks that there is something.
    static func mutation(_ change: Change, _ present: @escaping @Sendable () throws -> EncodedObject?) throws -> Mutation {
        var mutation = change.mutation
        guard let wanted = change.exchange.request.headers["if-match"] else { return mutation }
        try requireMatch(change.exchange.request, try present()?.entityTag)
        mutation.condition = { before in
            try require(wanted, try present()?.entityTag)
            guard let before, !isAny(wanted) else { return }
            var refusal = failed("If-Match", wanted, "job \(before), which is not over, may change it")
            refusal.error.hints = ["GET /v1/jobs/\(before)?wait=30s, then GET it again and repeat with its ETag"]
            refusal.error.job = before
            throw refusal
        }
        return mutation
    }

    private static func require(_ wanted: String, _ entityTag: String?) throws(Refusal) {
        guard let entityTag, contains(wanted, entityTag, weak: false) else {
            throw failed("If-Match", wanted, entityTag.map { "it is now \($0)" } ?? "there is none")
        }
    }

    private static func failed(_ header: String, _ value: String, _ now: String) -> Refusal {
        Refusal(
            status: 412, "precondition.failed", .conflict, "\(header) does not hold: \(now)",
            parameters: [ParameterProblem(header, "must name the present entity tag", value: .string(value))],
            hints: ["GET it again, look at what changed, and repeat with its ETag"])
    }

    private static func isAny(_ list: String) -> Bool {
        list.split(separator: ",").contains { part in part.filter { $0 != " " && $0 != "\t" } == "*" }
    }

    private static func contains(_ list: String, _ entityTag: String, weak: Bool) -> Bool {
        list.split(separator: ",").contains { part in
            var tag = part.drop { $0 == " " || $0 == "\t" }
            while let last = tag.last, last == " " || last == "\t" { tag.removeLast() }
            if tag == "*" { return true }
            if weak, tag.hasPrefix("W/") { tag = tag.dropFirst(2) }
            return tag == entityTag
        }
    }
}
