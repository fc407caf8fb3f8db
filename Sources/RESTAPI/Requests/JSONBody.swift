internal import HTTPServer
internal import JSON
internal import VirtManager

/// The JSON body of a mutation.
enum JSONBody {
    /// Bytes of a JSON body; past it 413.
    static let limit = 1 << 20

    private static let types = ["application/json", "application/*+json", "application/x-www-form-urlencoded (as curl -d says)"]

    /// The bytes of the body, if its type is one that is taken.
    static func read(_ request: HTTPRequest) async throws -> [UInt8] {
        if request.body.isEmptyForSure { return [] }
        guard isTaken(request.headers["content-type"]) else {
            throw Refusal(
                status: 415, "body.unsupported_type", .malformed, "a body of this Content-Type is not taken here",
                parameters: [
                    ParameterProblem(
                        "Content-Type", "must be a type of JSON", value: request.headers["content-type"].map { .string($0) },
                        allowed: types)
                ],
                hints: ["send JSON, such as: curl -d '{…}' or -H 'Content-Type: application/json'"])
        }
        if let encoding = request.headers["content-encoding"], encoding.lowercased() != "identity" {
            throw Refusal(
                status: 415, "body.unsupported_encoding", .malformed, "a body with a Content-Encoding is not taken here",
                parameters: [ParameterProblem("Content-Encoding", "must not be given", value: .string(encoding))],
                fields: ["Accept-Encoding": "identity"])
        }
        return try await request.body.collect(upTo: limit)
    }

    /// nil for no bytes, where that is allowed.
    static func parse(_ bytes: [UInt8], _ body: ChangeAction.Body) throws(Refusal) -> JSONValue? {
        guard !bytes.isEmpty else {
            guard body == .required else { return nil }
            throw Refusal(status: 400, "body.missing", .malformed, "this request needs a JSON object as its body")
        }
        guard body != .none else {
            throw Refusal(status: 400, "body.unexpected", .malformed, "this request takes no body")
        }
        do throws(JSONSyntaxError) {
            return try JSONReader.parse(bytes)
        } catch {
            var refusal = Refusal(
                status: 400, "body.malformed", .malformed, "the body is not the JSON that is taken here: \(error)")
            refusal.error.problems = [
                FieldProblem(pointer: error.pointer, detail: "\(error.reason), at byte \(error.offset)")
            ]
            refusal.error.details.set("offset", .integer(Int64(error.offset)))
            throw refusal
        }
    }

    private static func isTaken(_ type: String?) -> Bool {
        guard let type else { return true }
        let essence = type.split(separator: ";", omittingEmptySubsequences: false).first.map(String.init) ?? ""
        let name = trimmed(essence).lowercased()
        if name == "application/json" || name == "application/x-www-form-urlencoded" { return true }
        return name.hasPrefix("application/") && name.hasSuffix("+json") && name.utf8.count > "application/+json".utf8.count
    }

    private static func trimmed(_ text: String) -> Substring {
        var text = text[...]
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }
}
