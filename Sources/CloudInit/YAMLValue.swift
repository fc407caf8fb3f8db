/// A value that can be written as YAML on one line (flow style), so that any reader of YAML 1.1 takes it for what it is.
package indirect enum YAMLValue: Equatable, Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case list([YAMLValue])
    /// Fields keep their order.
    case map([Field])

    package struct Field: Equatable, Sendable {
        package var name: String
        package var value: YAMLValue

        package init(_ name: String, _ value: YAMLValue) {
            self.name = name
            self.value = value
        }
    }

    /// The value on one line, without a line break.
    package var yaml: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .integer(let value): String(value)
        case .number(let value): Self.text(of: value)
        case .string(let value): Self.quoted(value)
        case .list(let values): "[" + values.map(\.yaml).joined(separator: ", ") + "]"
        case .map(let fields): "{" + fields.map(\.yaml).joined(separator: ", ") + "}"
        }
    }

    /// How many lists and maps lie within each other.
    var depth: Int {
        switch self {
        case .null, .bool, .integer, .number, .string: 0
        case .list(let values): 1 + (values.map(\.depth).max() ?? 0)
        case .map(let fields): 1 + (fields.map(\.value.depth).max() ?? 0)
        }
    }

    /// YAML 1.1 takes `1e+16`, without a point, for a string.
    private static func text(of number: Double) -> String {
        if number.isNaN { return ".nan" }
        if number.isInfinite { return number < 0 ? "-.inf" : ".inf" }
        let text = number.description
        guard let exponent = text.firstIndex(of: "e"), !text.contains(".") else { return text }
        return text[..<exponent] + ".0" + text[exponent...]
    }

    /// In double quotes; what YAML does not print, or would fold as a line break, is escaped.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case " "..."~", "\u{A0}"..."\u{2027}", "\u{202A}"..."\u{D7FF}", "\u{E000}"..."\u{FEFE}", "\u{FF00}"..."\u{FFFD}",
                "\u{10000}"...:
                result.unicodeScalars.append(scalar)
            default:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
        return result + "\""
    }
}

extension YAMLValue.Field {
    /// `"name": value`
    var yaml: String { YAMLValue.quoted(name) + ": " + value.yaml }
}
