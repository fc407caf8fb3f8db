/// A query parameter that a route takes.
package struct QueryParameter: Sendable, Equatable {
    package enum Kind: Sendable {
        /// One value.
        case value
        /// A field of the listed things: `state=running,stopped`, `name=web-*`, `state!=running`.
        case filter
        /// `label.KEY=value` and `label.KEY!=value`.
        case labels
    }

    package let name: String
    package let kind: Kind

    static func value(_ name: String) -> QueryParameter { QueryParameter(name: name, kind: .value) }
    static func filter(_ name: String) -> QueryParameter { QueryParameter(name: name, kind: .filter) }
    static let labels = QueryParameter(name: "label.KEY", kind: .labels)

    func matches(_ given: String) -> Bool {
        switch kind {
        case .value: given == name
        case .filter: given == name || given == "\(name)!"
        case .labels: given.hasPrefix("label.") && given.utf8.count > 6 && given != "label.!"
        }
    }
}
