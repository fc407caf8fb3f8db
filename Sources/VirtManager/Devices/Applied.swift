internal import JSON

/// Where a change has taken effect.
enum Applied: String, Sendable {
    /// In the running machine, and in its definition.
    case live
    /// In the definition of a machine that runs: at its next boot.
    case nextBoot = "next_boot"
    /// In the definition of a machine that is off.
    case definition

    /// What a step keeps: `{"applied": {"vcpus": "live"}}`.
    func observed(_ field: String) -> JSONValue { ["applied": .object(JSONObject([(field, .string(rawValue))]))] }

    /// One answer from what the steps kept: a word where all fields agree, else a word per field.
    static func summary(_ observed: [String: JSONValue]) -> JSONValue {
        var fields = JSONObject()
        for step in observed.keys.sorted() {
            guard let applied = observed[step]?["applied"]?.objectValue else { continue }
            for field in applied.fields { fields[field.name] = field.value }
        }
        guard let first = fields.fields.first?.value else { return .null }
        return fields.fields.allSatisfy { $0.value == first } ? first : .object(fields)
    }
}
