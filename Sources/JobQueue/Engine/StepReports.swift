internal import Platform
internal import Synchronization

/// Takes what a running step says of itself, from whatever thread, to the board (progress) and the log.
final class StepReports: Sendable {
    private struct Lines {
        var waiting: [JobLogLine] = []
        var isWriting = false
    }
    private let job: JobID
    private let step: Int?
    private let engine: JobEngine
    private let lastShown = Mutex<ContinuousClock.Instant?>(nil)
    private let lines = Mutex(Lines())

    init(job: Job, engine: JobEngine) {
        self.job = job.id
        step = job.isUndoing ? nil : job.steps.firstIndex { $0.phase == .intended }
        self.engine = engine
    }

    func take(_ report: StepReport) {
        switch report {
        case .progress(let done, let total): show(done, total, \.bytesDone, \.bytesTotal)
        case .items(let done, let total): show(done, total, \.itemsDone, \.itemsTotal)
        case .log(let message): write(JobLogLine(at: engine.now(), message: message))
        }
    }

    /// Lines go to the database in the order in which they were said: one task at a time writes what has come up.
    private func write(_ line: JobLogLine) {
        let isFirst = lines.withLock { lines in
            lines.waiting.append(line)
            defer { lines.isWriting = true }
            return !lines.isWriting
        }
        guard isFirst else { return }
        Task {
            while let batch = nextLines() { try? await engine.store.appendLog(job, batch) }
        }
    }

    private func nextLines() -> [JobLogLine]? {
        lines.withLock { lines in
            defer { lines.waiting = [] }
            if lines.waiting.isEmpty { lines.isWriting = false }
            return lines.waiting.isEmpty ? nil : lines.waiting
        }
    }

    /// At most ten times a second: a fast upload must not keep the board busy.
    private func show(
        _ done: Int64, _ total: Int64?, _ doneField: WritableKeyPath<StepState, Int64?>, _ totalField: WritableKeyPath<StepState, Int64?>
    ) {
        guard let step else { return }
        let now = ContinuousClock.now
        let isDue = lastShown.withLock { last in
            if let last, now - last < .milliseconds(100), done != total { return false }
            last = now
            return true
        }
        guard isDue else { return }
        engine.board.update(job) { shown in
            guard shown.steps.indices.contains(step), shown.steps[step].phase == .intended else { return }
            shown.steps[step][keyPath: doneField] = done
            shown.steps[step][keyPath: totalField] = total
        }
    }
}
