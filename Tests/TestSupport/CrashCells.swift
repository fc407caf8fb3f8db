package import JSON
package import JobQueue

/// What a test does to a job at one of its fail points.
package enum CrashInjury: String, CaseIterable, Sendable {
    /// The process ends there; a new engine takes up the same database and world.
    case death
    /// The step fails there, for good.
    case error
    /// Someone cancels the job there.
    case cancel
}

/// One cell of the fault table: a place of a step of a kind, and what happens there.
package struct CrashCell: Hashable, Sendable, CustomStringConvertible {
    package let site: FailPointSite
    package let injury: CrashInjury

    package init(site: FailPointSite, injury: CrashInjury) {
        self.site = site
        self.injury = injury
    }

    package var description: String { "\(site):\(injury.rawValue)" }

    /// Every cell of a kind, made from the steps it declares: none can be forgotten.
    package static func cells(of kind: any JobKind, _ arguments: JSONValue) throws -> [CrashCell] {
        try kind.steps(arguments).flatMap { step in
            FailPoint.allCases.flatMap { point in
                CrashInjury.allCases.map { CrashCell(site: FailPointSite(kind: kind.name, step: step.name, point: point), injury: $0) }
            }
        }
    }
}

/// What came of one cell.
package struct CrashCellOutcome: Sendable {
    package let cell: CrashCell
    package var state: JobState?
    /// Whether a cancel was accepted; nil where none was tried.
    package var isCancelAccepted: Bool?
    package var attempts = 0
    /// What is not as it must be. Empty: the cell holds.
    package var problems: [String] = []

    package init(_ cell: CrashCell) { self.cell = cell }

    /// A table of outcomes, one line per place, one column per injury.
    package static func table(_ outcomes: [CrashCellOutcome]) -> String {
        var order: [FailPointSite] = []
        var cells: [FailPointSite: [CrashInjury: String]] = [:]
        for outcome in outcomes {
            if cells[outcome.cell.site] == nil { order.append(outcome.cell.site) }
            let mark = outcome.problems.isEmpty ? "" : " !"
            cells[outcome.cell.site, default: [:]][outcome.cell.injury] = (outcome.state?.rawValue ?? "-") + mark
        }
        let width = order.map(\.description.count).max() ?? 0
        func padded(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(0, width - text.count)) }
        let head = padded("", width) + CrashInjury.allCases.map { "  " + padded($0.rawValue, 17) }.joined()
        let lines = order.map { site in
            padded(site.description, width) + CrashInjury.allCases.map { "  " + padded(cells[site]?[$0] ?? "-", 17) }.joined()
        }
        return ([head] + lines).joined(separator: "\n")
    }
}
