/// The fields of a JSON object in their order, each name once. Equal objects have equal fields in any order.
package struct JSONObject: Sendable {
    package struct Field: Sendable, Equatable {
        package let name: String
        package var value: JSONValue
    }

    /// Above this many fields a table of positions replaces the walk along the list.
    private static let walked = 32

    package private(set) var fields: [Field] = []
    private var positions: [String: Int] = [:]

    package init() {}

    /// Of several fields of one name the last counts.
    package init(_ fields: some Sequence<(String, JSONValue)>) {
        for (name, value) in fields { set(name, value) }
    }

    package var count: Int { fields.count }
    package var isEmpty: Bool { fields.isEmpty }
    package var names: [String] { fields.map(\.name) }

    /// The value of a field; setting nil removes the field, setting a new one appends it.
    package subscript(name: String) -> JSONValue? {
        get { position(of: name).map { fields[$0].value } }
        set {
            if let newValue { set(name, newValue) } else { remove(name) }
        }
    }

    package mutating func set(_ name: String, _ value: JSONValue) {
        if let position = position(of: name) {
            fields[position].value = value
        } else {
            append(name, value)
        }
    }

    /// Appends the field unless its name is there already; answers whether it did.
    package mutating func insertNew(_ name: String, _ value: JSONValue) -> Bool {
        guard position(of: name) == nil else { return false }
        append(name, value)
        return true
    }

    @discardableResult
    package mutating func remove(_ name: String) -> JSONValue? {
        guard let position = position(of: name) else { return nil }
        let field = fields.remove(at: position)
        index()
        return field.value
    }

    /// Removes several fields at once.
    package mutating func remove(_ names: Set<String>) {
        fields.removeAll { names.contains($0.name) }
        index()
    }

    private func position(of name: String) -> Int? {
        fields.count > Self.walked ? positions[name] : fields.firstIndex { $0.name == name }
    }

    private mutating func append(_ name: String, _ value: JSONValue) {
        fields.append(Field(name: name, value: value))
        if fields.count > Self.walked + 1 {
            positions[name] = fields.count - 1
        } else if fields.count > Self.walked {
            index()
        }
    }

    private mutating func index() {
        positions.removeAll(keepingCapacity: true)
        guard fields.count > Self.walked else { return }
        for (position, field) in fields.enumerated() { positions[field.name] = position }
    }
}

extension JSONObject: Equatable {
    package static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.count == right.count && left.fields.allSatisfy { right[$0.name] == $0.value }
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral elements: (String, JSONValue)...) { self.init(elements) }
}
