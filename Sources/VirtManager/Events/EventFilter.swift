internal import SQLite

/// Which events are wanted: alternatives within a field, all fields together. Empty: all.
package struct EventFilter: Sendable, Equatable {
    /// Kinds; a `*` at the end stands for anything.
    package var kinds: [String] = []
    package var resources: [String] = []
    package var origins: [Event.Origin] = []

    package init() {}

    package func matches(_ event: Event) -> Bool {
        (kinds.isEmpty || kinds.contains { Self.matches($0, event.kind) }) && (resources.isEmpty || resources.contains(event.resource))
            && (origins.isEmpty || origins.contains(event.origin))
    }

    private static func matches(_ pattern: String, _ kind: String) -> Bool {
        pattern.hasSuffix("*") ? kind.hasPrefix(pattern.dropLast()) : kind == pattern
    }

    /// The same as a condition of SQL, beginning with `AND`, and its values.
    var condition: (sql: String, values: [SQLValue]) {
        var sql = ""
        var values: [SQLValue] = []
        func any(_ terms: [(String, [SQLValue])]) {
            guard !terms.isEmpty else { return }
            sql += " AND (\(terms.map(\.0).joined(separator: " OR ")))"
            for term in terms { values += term.1 }
        }
        any(
            kinds.map { pattern in
                guard pattern.hasSuffix("*") else { return ("kind = ?", [.text(pattern)]) }
                let prefix = String(pattern.dropLast())
                return ("substr(kind, 1, ?) = ?", [.integer(Int64(prefix.unicodeScalars.count)), .text(prefix)])
            })
        any(resources.map { ("resource = ?", [.text($0)]) })
        any(origins.map { ("origin = ?", [.text($0.rawValue)]) })
        return (sql, values)
    }
}
