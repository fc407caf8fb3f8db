/// One field of a request that is wrong; an entry of `errors` in a problem answer (RFC 9457).
package struct FieldProblem: Sendable, Equatable {
    /// RFC 6901, such as `/disks/0/pool`.
    package let pointer: String
    package let detail: String
    /// What came, cut to a sane length; nil where there is nothing short to show.
    package let value: JSONValue?
    /// The words or names that would have been taken, where there is a list.
    package let allowed: [String]

    package init(pointer: String, detail: String, value: JSONValue? = nil, allowed: [String] = []) {
        self.pointer = pointer
        self.detail = detail
        self.value = value.flatMap(Self.shown)
        self.allowed = allowed
    }

    private static let shownLength = 100

    /// Scalars; long strings are cut. Arrays and objects are left out: the pointer names them.
    private static func shown(_ value: JSONValue) -> JSONValue? {
        switch value {
        case .string(let text):
            let scalars = text.unicodeScalars
            guard let end = scalars.index(scalars.startIndex, offsetBy: shownLength, limitedBy: scalars.endIndex), end != scalars.endIndex
            else { return value }
            return .string(String(text[..<end]) + "…")
        case .array(let values): return values.isEmpty ? value : nil
        case .object(let object): return object.isEmpty ? value : nil
        default: return value
        }
    }
}

extension FieldProblem: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("pointer", pointer)
            writer.field("detail", detail)
            if let value { writer.field("value", value) }
            if !allowed.isEmpty { writer.field("allowed", allowed) }
        }
    }
}
