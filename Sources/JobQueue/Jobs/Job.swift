package import JSON
package import Platform

/// A job as it is at one moment: the row, its steps, and what only the running process knows.
package struct Job: Sendable, Equatable {
    package var id: JobID
    package var kind: String
    package var arguments: JSONValue
    /// Whether it came with secrets; they are gone once it has ended.
    package var hadSecrets = false
    package var state: JobState
    /// `true` once the job goes backwards: what it did is being undone.
    package var isUndoing = false
    /// Why it is undoing, and the end it will have then.
    package var undoCause: JobFailure?
    package var resources: [String]
    package var locks: [LockRequest]
    package var host: String?
    package var priority: JobPriority
    package var runAt: Timestamp?
    /// Claims so far; a restart of the daemon shows as one more.
    package var attempt = 0
    /// The fence: a write under an older epoch changes nothing.
    package var epoch: Int64 = 0
    package var cancelRequested = false
    package var idempotency: IdempotencyKey?
    package var requestor: Requestor
    package var reason: String?
    package var retryOf: JobID?
    package var createdAt: Timestamp
    package var startedAt: Timestamp?
    package var endedAt: Timestamp?
    package var result: JSONValue?
    package var failure: JobFailure?
    /// Grows with each visible change.
    package var seq: Int64 = 1
    package var steps: [StepState] = []
    /// What it waits for: ids of jobs, paths of hosts, a time.
    package var blockedBy: [String] = []
    /// False once there is no way back.
    package var isCancelable = true

    package init(_ request: JobRequest, createdAt: Timestamp) {
        id = request.id
        kind = request.kind
        arguments = request.arguments
        hadSecrets = !request.secrets.isEmpty
        state = .queued
        resources = request.resources
        locks = request.locks
        host = request.host
        priority = request.priority
        runAt = request.runAt
        idempotency = request.idempotency
        requestor = request.requestor
        reason = request.reason
        retryOf = request.retryOf
        self.createdAt = createdAt
    }

    /// The share of its steps that is done, 0…100.
    package var percent: Int {
        if state == .succeeded { return 100 }
        guard !steps.isEmpty else { return 0 }
        let parts = steps.reduce(0) { $0 + ($1.phase == .done ? 100 : $1.percent) }
        return min(99, parts / steps.count)
    }

    /// Brings the recorded steps and the declared ones together; the declared ones count.
    mutating func adopt(_ declared: [JobStep], isUndoable: Bool) {
        let recorded = steps
        steps = declared.enumerated().map { index, step in
            recorded.indices.contains(index) && recorded[index].name == step.name ? recorded[index] : StepState(name: step.name)
        }
        updateCancelable(declared, isUndoable: isUndoable)
    }

    /// There is a way back while nothing was begun, while an undoable job goes forward, and while a job only waits for a guest.
    mutating func updateCancelable(_ declared: [JobStep], isUndoable: Bool) {
        guard !isUndoing else { return isCancelable = false }
        let current = steps.firstIndex { $0.phase == .intended }
        let isWaiting = current.map { declared.indices.contains($0) && declared[$0].releasesLocks } ?? false
        let isPast = zip(declared, steps).contains { $0.refusesCancel && $1.phase != .pending }
        isCancelable = isUndoable && !isPast || isWaiting || steps.allSatisfy { $0.phase == .pending }
    }

    /// Whether it has come to a step that gives the locks back, going forward.
    func hasReleasedLocks(_ declared: [JobStep]) -> Bool {
        !isUndoing && zip(declared, steps).contains { $0.releasesLocks && $1.phase != .pending }
    }

    /// The step that is being done or undone and may do harm; nil between steps and while one only waits and looks.
    func stepInHand(_ declared: [JobStep]) -> String? {
        let index = isUndoing ? steps.lastIndex { $0.phase == .intended || $0.phase == .done } : steps.firstIndex { $0.phase == .intended }
        guard let index, declared.indices.contains(index), isUndoing || declared[index].stepClass != .pure else { return nil }
        return steps[index].name
    }
}
