/// Takes the fields of an object by name, and puts everything that is wrong into one list instead of stopping at the first.
///
/// A field that is null counts as absent for the typed getters; `isNull` and `isPresent` tell them apart (a merge patch needs that).
/// Every name asked for becomes a known one; `finish()` reports all others with the list of known names.
package final class ObjectReader {
    /// RFC 6901 pointer of this object.
    package let pointer: String
    package let problems: ProblemList
    private let object: JSONObject
    /// False for the stand-in of a value that is no object: it was reported, and says nothing more.
    private let isObject: Bool
    private var known: [String] = []
    private var concealed: Set<String> = []
    private var children: [ObjectReader] = []

    /// A value that is no object is reported, and read as one without fields.
    package init(_ value: JSONValue, pointer: String = "", problems: ProblemList) {
        self.pointer = pointer
        self.problems = problems
        if case .object(let object) = value {
            self.object = object
            isObject = true
        } else {
            object = JSONObject()
            isObject = false
            problems.add(FieldProblem(pointer: pointer, detail: "must be an object, not \(value.kind)", value: value))
        }
    }

    // MARK: What is there

    /// The field as it came, null included.
    package func value(_ name: String) -> JSONValue? {
        if !known.contains(name) { known.append(name) }
        return object[name]
    }

    /// Whether the field is there, null included.
    package func isPresent(_ name: String) -> Bool { value(name) != nil }

    /// Whether the field is there and null.
    package func isNull(_ name: String) -> Bool { value(name) == .null }

    /// All names of the object in their order.
    package var names: [String] { object.names }

    /// Names that are taken, but handled elsewhere.
    package func ignore(_ names: String...) { ignore(names) }

    package func ignore(_ names: [String]) {
        for name in names { _ = value(name) }
    }

    /// The values of these fields are secret and never shown in problems.
    package func conceal(_ names: String...) { concealed.formUnion(names) }

    package func pointer(to name: String) -> String { JSONPointer.appending(name, to: pointer) }

    /// Reports a rule that the field breaks; `detail` such as "must end with a letter".
    package func problem(_ name: String, _ detail: String, allowed: [String] = []) {
        let value = concealed.contains(name) ? nil : value(name)
        problems.add(FieldProblem(pointer: pointer(to: name), detail: detail, value: value, allowed: allowed))
    }

    /// Reports names that nobody asked for, in this object and in all objects read through it. Call it once, at the end.
    package func finish() {
        let known = Set(known)
        for field in object.fields where !known.contains(field.name) {
            problems.add(
                FieldProblem(pointer: pointer(to: field.name), detail: "there is no such field", value: nil, allowed: self.known))
        }
        for child in children { child.finish() }
    }

    // MARK: Scalars

    /// A string of `1...maxLength` characters (Unicode scalars), or of none with `allowEmpty`.
    package func string(_ name: String, required: Bool = false, maxLength: Int = 4096, allowEmpty: Bool = false) -> String? {
        guard let value = field(name, required) else { return nil }
        guard case .string(let text) = value else { return wrong(name, "must be a string, not \(value.kind)") }
        guard allowEmpty || !text.isEmpty else { return wrong(name, "must not be empty") }
        guard text.unicodeScalars.count <= maxLength else { return wrong(name, "must have at most \(maxLength) characters") }
        return text
    }

    package func bool(_ name: String, required: Bool = false) -> Bool? {
        guard let value = field(name, required) else { return nil }
        guard case .bool(let flag) = value else { return wrong(name, "must be true or false, not \(value.kind)") }
        return flag
    }

    package func integer(_ name: String, required: Bool = false, in range: ClosedRange<Int64> = .min ... .max) -> Int64? {
        guard let value = field(name, required) else { return nil }
        guard case .integer(let number) = value else { return wrong(name, "must be an integer, not \(value.kind)") }
        guard range.contains(number) else { return wrong(name, "must be from \(range.lowerBound) to \(range.upperBound)") }
        return number
    }

    package func number(_ name: String, required: Bool = false, in range: ClosedRange<Double>? = nil) -> Double? {
        guard let value = field(name, required) else { return nil }
        guard let number = value.numberValue else { return wrong(name, "must be a number, not \(value.kind)") }
        if let range, !range.contains(number) { return wrong(name, "must be from \(range.lowerBound) to \(range.upperBound)") }
        return number
    }

    /// One of the given words.
    package func choice(_ name: String, _ words: [String], required: Bool = false) -> String? {
        guard let value = field(name, required) else { return nil }
        guard case .string(let word) = value, words.contains(word) else { return wrong(name, "must be one of the allowed words", words) }
        return word
    }

    /// Bytes, as an integer or a text such as "2GiB". `alias` is the name of the same field in answers (`memory_bytes`): either may
    /// be given, or both if they say the same.
    package func byteCount(
        _ name: String, alias: String? = nil, required: Bool = false, in range: ClosedRange<Int64> = 0 ... .max
    ) -> Int64? {
        let second = alias.flatMap { field($0, false) == nil ? nil : $0 }
        let first = field(name, required && second == nil).map { _ in name }
        let values = [first, second].compactMap { $0 }.map { byteCountField($0, range) }
        if values.count == 2, let one = values[0], let two = values[1], one != two {
            return wrong(name, "must be equal to \(alias ?? "") if both are given")
        }
        return values.contains(nil) ? nil : values.first ?? nil
    }

    private func byteCountField(_ name: String, _ range: ClosedRange<Int64>) -> Int64? {
        let bytes: Int64
        switch object[name] {
        case .integer(let count): bytes = count
        case .string(let text):
            guard let count = ByteCountText.parse(text) else { return wrong(name, "must be \(ByteCountText.form)") }
            bytes = count
        default: return wrong(name, "must be \(ByteCountText.form)")
        }
        guard range.contains(bytes) else { return wrong(name, "must be from \(range.lowerBound) to \(range.upperBound) bytes") }
        return bytes
    }

    /// A text such as "30s".
    package func duration(_ name: String, required: Bool = false, in range: ClosedRange<Duration>? = nil) -> Duration? {
        guard let value = field(name, required) else { return nil }
        guard case .string(let text) = value, let duration = DurationText.parse(text) else {
            return wrong(name, "must be \(DurationText.form)")
        }
        if let range, !range.contains(duration) {
            return wrong(name, "must be from \(DurationText.format(range.lowerBound)) to \(DurationText.format(range.upperBound))")
        }
        return duration
    }

    // MARK: Containers

    /// A nested object, finished together with this one.
    package func object(_ name: String, required: Bool = false) -> ObjectReader? {
        guard let value = field(name, required) else { return nil }
        return child(value, pointer(to: name))
    }

    /// An array of objects, finished together with this one.
    package func objects(_ name: String, required: Bool = false, max: Int) -> [ObjectReader]? {
        array(name, required, max)?.enumerated().map { index, value in
            child(value, JSONPointer.appending(index, to: pointer(to: name)))
        }
    }

    /// An array of strings that are not empty.
    package func strings(_ name: String, required: Bool = false, max: Int, maxLength: Int = 4096) -> [String]? {
        guard let values = array(name, required, max) else { return nil }
        let before = problems.items.count + problems.omitted
        let texts = values.enumerated().compactMap { index, value -> String? in
            if case .string(let text) = value, !text.isEmpty, text.unicodeScalars.count <= maxLength { return text }
            add(name, JSONPointer.appending(index, to: pointer(to: name)), "must be a string of 1 to \(maxLength) characters", value)
            return nil
        }
        return problems.items.count + problems.omitted == before ? texts : nil
    }

    /// An object whose values are strings (labels). With `allowNull` a null, which removes an entry in a patch, comes back as nil.
    package func stringMap(
        _ name: String, required: Bool = false, maxEntries: Int, maxLength: Int = 4096, allowNull: Bool
    ) -> [String: String?]? {
        guard let value = field(name, required) else { return nil }
        guard case .object(let entries) = value else { return wrong(name, "must be an object, not \(value.kind)") }
        guard entries.count <= maxEntries else { return wrong(name, "must have at most \(maxEntries) entries") }
        var map: [String: String?] = [:]
        for entry in entries.fields {
            switch entry.value {
            case .string(let text) where text.unicodeScalars.count <= maxLength: map.updateValue(text, forKey: entry.name)
            case .null where allowNull: map.updateValue(nil, forKey: entry.name)
            default:
                add(
                    name, JSONPointer.appending(entry.name, to: pointer(to: name)),
                    "must be a string of at most \(maxLength) characters\(allowNull ? ", or null" : "")", entry.value)
            }
        }
        return map.count == entries.count ? map : nil
    }

    /// As above, without null.
    package func stringMap(_ name: String, required: Bool = false, maxEntries: Int, maxLength: Int = 4096) -> [String: String]? {
        stringMap(name, required: required, maxEntries: maxEntries, maxLength: maxLength, allowNull: false)?.compactMapValues { $0 }
    }

    /// The values of an array as they came.
    package func values(_ name: String, required: Bool = false, max: Int) -> [JSONValue]? { array(name, required, max) }

    // MARK: Steps

    private func field(_ name: String, _ required: Bool) -> JSONValue? {
        let value = value(name)
        if let value, value != .null { return value }
        if required, isObject {
            problems.add(FieldProblem(pointer: pointer(to: name), detail: value == nil ? "is required" : "must not be null"))
        }
        return nil
    }

    private func array(_ name: String, _ required: Bool, _ limit: Int) -> [JSONValue]? {
        guard let value = field(name, required) else { return nil }
        guard case .array(let values) = value else { return wrong(name, "must be an array, not \(value.kind)") }
        guard values.count <= limit else { return wrong(name, "must have at most \(limit) elements") }
        return values
    }

    private func child(_ value: JSONValue, _ pointer: String) -> ObjectReader {
        let reader = ObjectReader(value, pointer: pointer, problems: problems)
        children.append(reader)
        return reader
    }

    private func wrong<Value>(_ name: String, _ detail: String, _ allowed: [String] = []) -> Value? {
        problem(name, detail, allowed: allowed)
        return nil
    }

    private func add(_ name: String, _ pointer: String, _ detail: String, _ value: JSONValue) {
        problems.add(FieldProblem(pointer: pointer, detail: detail, value: concealed.contains(name) ? nil : value))
    }
}
