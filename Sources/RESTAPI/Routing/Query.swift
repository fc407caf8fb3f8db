internal import JSON

/// The query of a request: decoded pairs in their order, and what is wrong with them.
struct Query: Sendable {
    struct Pair: Sendable, Equatable {
        let name: String
        let value: String
    }

    static let empty = Query(nil, allowed: [])

    /// More problems are not kept: a query full of nonsense must not make an answer many times its size.
    private static let keptProblems = 100

    let pairs: [Pair]
    let problems: [ParameterProblem]

    /// - Parameter allowed: the parameters of the route. Other names and repeated ones become problems.
    init(_ text: String?, allowed: [QueryParameter]) {
        var pairs: [Pair] = []
        var problems: [ParameterProblem] = []
        var seen: Set<String> = []
        for part in (text ?? "").split(separator: "&", omittingEmptySubsequences: true) {
            if problems.count >= Self.keptProblems { break }
            let halves = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let first = halves.first, let name = PercentDecoding.decode(first) else {
                problems.append(
                    ParameterProblem(
                        String(part.prefix(while: { $0 != "=" })), "has an escape that is not UTF-8 text without control characters"))
                continue
            }
            guard allowed.contains(where: { $0.matches(name) }) else {
                problems.append(ParameterProblem(name, "there is no such parameter here", allowed: allowed.map(\.name)))
                continue
            }
            let raw = halves.count > 1 ? halves[1] : ""
            guard let value = PercentDecoding.decode(raw) else {
                problems.append(
                    ParameterProblem(
                        name, "has an escape that is not UTF-8 text without control characters", value: .string(String(raw))))
                continue
            }
            guard seen.insert(name).inserted else {
                problems.append(ParameterProblem(name, "may be given once only", value: .string(value)))
                continue
            }
            pairs.append(Pair(name: name, value: value))
        }
        self.pairs = pairs
        self.problems = problems
    }

    subscript(name: String) -> String? { pairs.first { $0.name == name }?.value }
}
