internal import JSON

/// What a request wants to see of a list.
struct ListQuery {
    static let maximum: Int64 = 10_000

    let shape: ListShape
    let limit: Int
    let sort: String
    let after: Cursor?
    let fields: [String]?
    let filters: [FieldFilter]

    /// Takes the list's parameters; what is wrong goes to the reader.
    init(_ query: QueryReader, _ shape: ListShape, defaultLimit: Int64 = maximum) {
        self.shape = shape
        limit = Int(query.integer("limit", in: 1...Self.maximum) ?? defaultLimit)
        let sort = query.choice("sort", shape.orders) ?? shape.sorts.first ?? ""
        self.sort = sort
        fields = query.words("fields", allowed: shape.fields)
        filters = query.query.pairs.compactMap { FieldFilter($0, shape) }
        var after: Cursor?
        if let text = query.text("after") {
            after = Cursor(text)
            if after?.sort != sort || after?.key.count != 1 + shape.tie.count {
                query.problem("after", "must be the cursor of a page of this list in this order, from its 'next'", value: text)
            }
        }
        self.after = after
    }

    /// The wanted part of `objects`, and the cursor of the next page if there is more.
    func page(of objects: [EncodedObject]) -> (items: [EncodedObject], next: Cursor?) {
        let isDescending = sort.hasPrefix("-")
        let field = isDescending ? String(sort.dropFirst()) : sort
        var keyed: [(key: [String], object: EncodedObject)] = []
        for object in objects where filters.allSatisfy({ $0.matches(object) }) {
            keyed.append((key(of: object, by: field), object))
        }
        keyed.sort { Self.isBefore($0.key, $1.key, isDescending) }
        if let after { keyed.removeAll { !Self.isBefore(after.key, $0.key, isDescending) } }
        let items = keyed.prefix(limit)
        let next = keyed.count > limit ? items.last.map { Cursor(sort: sort, key: $0.key) } : nil
        return (items.map { shown($0.object) }, next)
    }

    /// The same of objects that come in the list's default order: in that order no more of them are looked at than are wanted.
    func page(ofOrdered objects: [EncodedObject]) -> (items: [EncodedObject], next: Cursor?) {
        guard sort == shape.sorts.first else { return page(of: objects) }
        var items: [EncodedObject] = []
        for object in objects[start(in: objects)...] where filters.allSatisfy({ $0.matches(object) }) {
            if items.count == limit {
                return (items.map(shown), items.last.map { Cursor(sort: sort, key: key(of: $0, by: sort)) })
            }
            items.append(object)
        }
        return (items.map(shown), nil)
    }

    /// Where the page begins.
    private func start(in objects: [EncodedObject]) -> Int {
        guard let after else { return 0 }
        var low = 0
        var high = objects.count
        while low < high {
            let middle = (low + high) / 2
            if Self.isBefore(after.key, key(of: objects[middle], by: sort), false) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    private func key(of object: EncodedObject, by field: String) -> [String] {
        [object.text(field) ?? ""] + shape.tie.map { object.text($0) ?? "" }
    }

    private func shown(_ object: EncodedObject) -> EncodedObject { fields.map(object.selecting) ?? object }

    /// The value sorted by goes up or down; the tie always goes up.
    private static func isBefore(_ left: [String], _ right: [String], _ isDescending: Bool) -> Bool {
        guard let first = left.first, let second = right.first else { return false }
        if first != second { return isDescending ? first > second : first < second }
        for (one, two) in zip(left.dropFirst(), right.dropFirst()) where one != two { return one < two }
        return false
    }
}
