/// Where the readers of one request put what is wrong with it. Not Sendable: it lives while the request is read.
package final class ProblemList {
    /// More are counted, not kept: a hostile body must not make a huge answer.
    private static let kept = 100

    package private(set) var items: [FieldProblem] = []
    /// Problems beyond those kept.
    package private(set) var omitted = 0

    package init() {}

    package var isEmpty: Bool { items.isEmpty }

    package func add(_ problem: FieldProblem) {
        if items.count < Self.kept { items.append(problem) } else { omitted += 1 }
    }
}
