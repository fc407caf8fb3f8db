/// The four places of every step at which a test kills the process, injects an error or cancels the job.
package enum FailPoint: String, Sendable, CaseIterable {
    case beforeIntent = "before-intent"
    case afterIntent = "after-intent"
    case afterAct = "after-act"
    case afterOutcome = "after-outcome"
}

/// One place of one step of one kind, written `vm.create/define/after-act`.
package struct FailPointSite: Hashable, Sendable, CustomStringConvertible {
    package let kind: String
    package let step: String
    package let point: FailPoint

    package init(kind: String, step: String, point: FailPoint) {
        self.kind = kind
        self.step = step
        self.point = point
    }

    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, let point = FailPoint(rawValue: String(parts[2])) else { return nil }
        self.init(kind: String(parts[0]), step: String(parts[1]), point: point)
    }

    package var description: String { "\(kind)/\(step)/\(point.rawValue)" }
}

/// Thrown by a fail-point hook to make the engine behave as if its process had ended there: nothing more is written.
package struct SimulatedDeath: Error {
    package init() {}
}
