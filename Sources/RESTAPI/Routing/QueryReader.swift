internal import JSON
internal import VirtManager

/// Takes the query parameters of one request by name and collects all that is wrong. Not Sendable: it lives with the request.
///
/// Every handler calls `finish()` once it has taken its parameters and before it does anything.
final class QueryReader {
    let query: Query
    private var problems: [ParameterProblem]

    init(_ query: Query) {
        self.query = query
        problems = query.problems
    }

    func problem(_ name: String, _ detail: String, value: String? = nil, allowed: [String] = []) {
        problems.append(ParameterProblem(name, detail, value: value.map(JSONValue.string), allowed: allowed))
    }

    /// Throws everything that is wrong with the query at once.
    func finish() throws(Refusal) {
        guard let first = problems.first else { return }
        let more = problems.count > 1 ? " (and \(problems.count - 1) more)" : ""
        throw Refusal(
            status: 400, "query.invalid", .malformed, "'\(first.parameter)' \(first.detail)\(more)", parameters: problems)
    }

    /// The value as it came; an empty one is a problem.
    func text(_ name: String) -> String? {
        guard let value = query[name] else { return nil }
        guard !value.isEmpty else { return wrong(name, "must not be empty", value) }
        return value
    }

    func flag(_ name: String) -> Bool {
        guard let value = query[name] else { return false }
        switch value {
        case "true": return true
        case "false": return false
        default: return wrong(name, "must be true or false", value, ["true", "false"]) ?? false
        }
    }

    func choice(_ name: String, _ words: [String]) -> String? {
        guard let value = query[name] else { return nil }
        return words.contains(value) ? value : wrong(name, "must be one of the allowed words", value, words)
    }

    func integer(_ name: String, in range: ClosedRange<Int64>) -> Int64? {
        guard let value = query[name] else { return nil }
        // Int64's own parser takes a plus sign, which is not a digit here.
        guard let number = Int64(value), value.utf8.first != UInt8(ascii: "+"), range.contains(number) else {
            return wrong(name, "must be an integer from \(range.lowerBound) to \(range.upperBound)", value)
        }
        return number
    }

    func duration(_ name: String, in range: ClosedRange<Duration>) -> Duration? {
        guard let value = query[name] else { return nil }
        guard let duration = DurationText.parse(value) else { return wrong(name, "must be \(DurationText.form)", value) }
        guard range.contains(duration) else {
            return wrong(
                name, "must be from \(DurationText.format(range.lowerBound)) to \(DurationText.format(range.upperBound))", value)
        }
        return duration
    }

    /// Words separated by commas, each one of `allowed`; with an empty `allowed` any word.
    func words(_ name: String, allowed: [String] = []) -> [String]? {
        guard let value = query[name] else { return nil }
        let words = value.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard !words.contains("") else { return wrong(name, "must be words separated by single commas", value) }
        let unknown = allowed.isEmpty ? [] : words.filter { !allowed.contains($0) }
        for word in unknown { problem(name, "must be words of the allowed ones", value: word, allowed: allowed) }
        return unknown.isEmpty ? words : nil
    }

    private func wrong<Value>(_ name: String, _ detail: String, _ value: String, _ allowed: [String] = []) -> Value? {
        problem(name, detail, value: value, allowed: allowed)
        return nil
    }
}
