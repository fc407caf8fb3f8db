internal import JSON

/// A part that a merge patch may set, take away, or leave as it is.
package enum PatchPart<Value: Sendable & Equatable>: Sendable, Equatable {
    case unchanged
    case removed
    case set(Value)

    /// What the patch makes of `present`.
    package func over(_ present: Value?) -> Value? {
        switch self {
        case .unchanged: present
        case .removed: nil
        case .set(let value): value
        }
    }

    package var isGiven: Bool { self != .unchanged }

    /// As it stands in a job's arguments: nothing, null, or the value.
    func put(_ name: String, in object: inout JSONObject, _ json: (Value) -> JSONValue) {
        switch self {
        case .unchanged: break
        case .removed: object[name] = .null
        case .set(let value): object[name] = json(value)
        }
    }

    init(_ value: JSONValue?, _ read: (JSONValue) -> Value?) {
        guard let value else {
            self = .unchanged
            return
        }
        self = read(value).map(Self.set) ?? .removed
    }
}
