internal import JSON

/// One condition of a list's query: a field (or label) is, or is not, one of some words; `*` stands for anything at a word's ends.
struct FieldFilter: Sendable {
    private enum Word: Sendable {
        case exact(String)
        case prefix(String)
        case suffix(String)
        case part(String)

        init(_ text: String) {
            let starts = text.hasPrefix("*")
            let ends = text.hasSuffix("*") && text.utf8.count > (starts ? 1 : 0)
            let core = String(text.dropFirst(starts ? 1 : 0).dropLast(ends ? 1 : 0))
            self =
                switch (starts, ends) {
                case (false, false): .exact(text)
                case (false, true): .prefix(core)
                case (true, false): core.isEmpty ? .part("") : .suffix(core)
                case (true, true): .part(core)
                }
        }

        func matches(_ text: String) -> Bool {
            switch self {
            case .exact(let word): text == word
            case .prefix(let word): text.hasPrefix(word)
            case .suffix(let word): text.hasSuffix(word)
            case .part(let word): word.isEmpty || Self.contains(text.utf8, word.utf8)
            }
        }

        private static func contains(_ text: String.UTF8View, _ word: String.UTF8View) -> Bool {
            var rest = text[...]
            while rest.count >= word.count {
                if rest.starts(with: word) { return true }
                rest = rest.dropFirst()
            }
            return false
        }
    }

    /// nil: the label `label`.
    private let field: String?
    private let label: String
    private let isNegated: Bool
    private let words: [Word]

    /// From a pair of the query, such as `state` = `running,stopped` or `label.tier!` = `x`; nil if it is no filter.
    init?(_ pair: Query.Pair, _ shape: ListShape) {
        isNegated = pair.name.hasSuffix("!")
        let name = isNegated ? String(pair.name.dropLast()) : pair.name
        if shape.filters.contains(name) {
            field = name
            label = ""
        } else if shape.hasLabels, name.hasPrefix("label.") {
            field = nil
            label = String(name.dropFirst(6))
        } else {
            return nil
        }
        words = pair.value.split(separator: ",", omittingEmptySubsequences: false).map { Word(String($0)) }
    }

    func matches(_ object: EncodedObject) -> Bool {
        let text = field.map { object.text($0) ?? "" } ?? object.value("labels")?[label]?.stringValue
        // A label that is not there is no word at all: only a negated condition holds.
        let found = text.map { text in words.contains { $0.matches(text) } } ?? false
        return found != isNegated
    }
}
