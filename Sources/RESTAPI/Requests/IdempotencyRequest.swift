internal import HTTPServer
internal import JSON
internal import JobQueue
internal import Platform
internal import VirtManager

/// `Idempotency-Key`: the same request again gives the job of the first one.
enum IdempotencyRequest {
    private static let header = "Idempotency-Key"

    /// The key bound to what is asked under it; nil without the header.
    ///
    /// - Parameter content: the body, or what stands for it where it is a stream.
    static func read(_ request: HTTPRequest, _ caller: Caller, content: [UInt8]) throws(Refusal) -> IdempotencyKey? {
        let values = request.headers.values(header)
        guard let key = values.first else { return nil }
        guard values.count == 1, (1...255).contains(key.utf8.count), key.utf8.allSatisfy({ (0x20...0x7e).contains($0) }) else {
            throw Refusal(
                status: 400, "idempotency.bad_key", .malformed, "the Idempotency-Key is not one",
                parameters: [
                    ParameterProblem(header, "must be given once, with 1 to 255 printable ASCII characters", value: .string(key))
                ])
        }
        let hash = SHA256()
        hash.update("\(request.method)\n\(target(request))\n".utf8)
        hash.update(content)
        return IdempotencyKey(scope: caller.scope, key: key, digest: hash.finish())
    }

    /// How the answer is wanted is no part of what is asked.
    private static func target(_ request: HTTPRequest) -> String {
        let parts = (request.query ?? "").split(separator: "&").filter { $0 != "wait" && !$0.hasPrefix("wait=") }
        return "\(request.path)?\(parts.joined(separator: "&"))"
    }
}
