internal import JSON

/// One query parameter or header field that is wrong; an entry of `errors` with `parameter` (RFC 9457).
struct ParameterProblem: Sendable, Equatable, JSONWritable {
    let parameter: String
    let detail: String
    let value: JSONValue?
    let allowed: [String]

    init(_ parameter: String, _ detail: String, value: JSONValue? = nil, allowed: [String] = []) {
        // What came from outside is shown, but never at length: `FieldProblem` knows how much.
        let shown = FieldProblem(pointer: "", detail: "", value: value)
        self.parameter = parameter.unicodeScalars.count > 128 ? String(parameter.prefix(128)) + "…" : parameter
        self.detail = detail
        self.value = shown.value
        self.allowed = allowed
    }

    func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("parameter", parameter)
            writer.field("detail", detail)
            if let value { writer.field("value", value) }
            if !allowed.isEmpty { writer.field("allowed", allowed) }
        }
    }
}
