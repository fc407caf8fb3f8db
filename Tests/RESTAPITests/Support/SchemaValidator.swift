import JSON

/// Checks values against the JSON Schemas of the API document: the part of JSON Schema 2020-12 that the document uses.
///
/// Stricter in one way: a property that the schema does not name is a fault, so that the document cannot fall behind.
struct SchemaValidator: Sendable {
    let document: JSONValue

    func faults(_ value: JSONValue, _ schema: JSONValue, at path: String = "") -> [String] {
        if let reference = schema["$ref"]?.stringValue {
            guard let target = resolve(reference) else { return ["\(path): no \(reference)"] }
            return faults(value, target, at: path)
        }
        var found: [String] = []
        if let all = schema["allOf"]?.arrayValue {
            let merged = all.map { part in part["$ref"]?.stringValue.flatMap(resolve) ?? part }
            let names = Set(merged.flatMap { $0["properties"]?.objectValue?.names ?? [] })
            for part in merged {
                found += faults(value, part, at: path).filter { fault in !names.contains { fault == "\(path)/\($0): not in the schema" } }
            }
        }
        if let one = schema["oneOf"]?.arrayValue {
            let results = one.map { faults(value, $0, at: path) }
            let fitting = results.filter(\.isEmpty).count
            if fitting != 1 { found.append("\(path): fits \(fitting) of oneOf, \(results.flatMap { $0 }.prefix(3))") }
        }
        found += typeFaults(value, schema, path)
        if let constant = schema["const"], constant != value { found.append("\(path): is \(value.text), not \(constant.text)") }
        if let words = schema["enum"]?.arrayValue, !words.contains(value) { found.append("\(path): \(value.text) is not in the enum") }
        switch value {
        case .object(let object): found += objectFaults(object, schema, path)
        case .array(let items):
            if let each = schema["items"] {
                for (index, item) in items.enumerated() { found += faults(item, each, at: "\(path)/\(index)") }
            }
        case .string(let text): found += stringFaults(text, schema, path)
        case .integer(let number):
            if let least = schema["minimum"]?.integerValue, number < least { found.append("\(path): \(number) is under \(least)") }
            if let most = schema["maximum"]?.integerValue, number > most { found.append("\(path): \(number) is over \(most)") }
        default: break
        }
        return found
    }

    func resolve(_ reference: String) -> JSONValue? {
        reference.split(separator: "/").dropFirst().reduce(document as JSONValue?) { value, name in value?[String(name)] }
    }

    private func typeFaults(_ value: JSONValue, _ schema: JSONValue, _ path: String) -> [String] {
        let types = schema["type"]?.arrayValue?.compactMap(\.stringValue) ?? schema["type"]?.stringValue.map { [$0] } ?? []
        let actual: [String] =
            switch value {
            case .null: ["null"]
            case .bool: ["boolean"]
            case .integer: ["integer", "number"]
            case .number: ["number"]
            case .string: ["string"]
            case .array: ["array"]
            case .object: ["object"]
            }
        return types.isEmpty || types.contains { actual.contains($0) } ? [] : ["\(path): is \(value.kind), not \(types)"]
    }

    private func objectFaults(_ object: JSONObject, _ schema: JSONValue, _ path: String) -> [String] {
        var found: [String] = []
        for name in schema["required"]?.arrayValue?.compactMap(\.stringValue) ?? [] where object[name] == nil {
            found.append("\(path)/\(name): missing")
        }
        guard let properties = schema["properties"]?.objectValue else {
            if let each = schema["additionalProperties"], each.objectValue != nil {
                for field in object.fields { found += faults(field.value, each, at: "\(path)/\(field.name)") }
            }
            return found
        }
        for field in object.fields {
            if let property = properties[field.name] {
                found += faults(field.value, property, at: "\(path)/\(field.name)")
            } else if schema["additionalProperties"] != true {
                found.append("\(path)/\(field.name): not in the schema")
            }
        }
        return found
    }

    private func stringFaults(_ text: String, _ schema: JSONValue, _ path: String) -> [String] {
        var found: [String] = []
        if let least = schema["minLength"]?.integerValue, text.unicodeScalars.count < least { found.append("\(path): too short") }
        if let most = schema["maxLength"]?.integerValue, text.unicodeScalars.count > most { found.append("\(path): too long") }
        if let pattern = schema["pattern"]?.stringValue, let expression = try? Regex(pattern), (try? expression.firstMatch(in: text)) == nil
        {
            found.append("\(path): '\(text)' does not match \(pattern)")
        }
        if schema["format"] == "date-time", (try? #/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/#.wholeMatch(in: text)) == nil {
            found.append("\(path): '\(text)' is no time")
        }
        return found
    }
}
