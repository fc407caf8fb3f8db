/// A field's value, kept apart by kind so that JSON lines carry numbers as numbers.
package enum LogValue: Equatable, Sendable, CustomStringConvertible {
    case text(String)
    case integer(Int64)
    case boolean(Bool)

    init(_ value: any CustomStringConvertible & Sendable) {
        switch value {
        case let value as String: self = .text(value)
        case let value as Bool: self = .boolean(value)
        case let value as any BinaryInteger:
            if let number = Int64(exactly: value) { self = .integer(number) } else { self = .text(String(describing: value)) }
        default: self = .text(value.description)
        }
    }

    package var description: String {
        switch self {
        case .text(let text): text
        case .integer(let number): String(number)
        case .boolean(let flag): String(flag)
        }
    }
}
