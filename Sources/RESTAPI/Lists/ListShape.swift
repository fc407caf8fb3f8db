/// How the things of one list are named, filtered and ordered.
struct ListShape: Sendable {
    /// All fields of a thing, for `fields=`. The document's schemas have the same ones: a test compares them.
    let fields: [String]
    let filters: [String]
    var hasLabels = false
    /// Fields to sort by; the first is the default, ascending.
    let sorts: [String]
    /// Fields that make the order total, after the one sorted by.
    let tie: [String]

    /// The query parameters of a list of this shape.
    var parameters: [QueryParameter] {
        [.value("limit"), .value("after"), .value("sort"), .value("fields")] + filters.map(QueryParameter.filter)
            + (hasLabels ? [.labels] : [])
    }

    /// What `sort=` takes.
    var orders: [String] { sorts.flatMap { [$0, "-\($0)"] } }
}
