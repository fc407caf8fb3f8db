package import JSON

/// One step of a job as it is at one moment.
package struct StepState: Sendable, Equatable {
    package enum Phase: String, Sendable {
        /// No intent written yet.
        case pending
        /// The intent is on disk; what became of it is seen by looking.
        case intended = "running"
        case done
        case undone
    }
    package var name: String
    package var phase: Phase = .pending
    /// Epoch of the attempt that wrote the intent.
    package var epoch: Int64 = 0
    package var failures = 0
    package var observed: JSONValue?
    package var bytesDone: Int64?
    package var bytesTotal: Int64?
    /// Of a step that does many things of a kind.
    package var itemsDone: Int64?
    package var itemsTotal: Int64?

    package init(name: String) { self.name = name }

    /// Takes over the figures that `other` has, and keeps its own elsewhere.
    mutating func takeFigures(of other: StepState) {
        bytesDone = other.bytesDone ?? bytesDone
        bytesTotal = other.bytesTotal ?? bytesTotal
        itemsDone = other.itemsDone ?? itemsDone
        itemsTotal = other.itemsTotal ?? itemsTotal
    }

    mutating func forgetFigures() {
        bytesDone = nil
        bytesTotal = nil
        itemsDone = nil
        itemsTotal = nil
    }

    /// 0…100 of this step.
    package var percent: Int {
        switch phase {
        case .done: return 100
        case .pending, .undone: return 0
        case .intended:
            guard let done = bytesDone ?? itemsDone, let total = bytesTotal ?? itemsTotal, total > 0 else { return 0 }
            return Int(min(100, max(0, Double(done) / Double(total) * 100)))
        }
    }
}
