internal import JSON
internal import JobQueue
internal import Platform
internal import SQLite

/// How services hand work to the queue: dry runs, `if_busy=fail`, and the queue's refusals in the words of the API.
struct JobDesk: Sendable {
    let engine: JobEngine

    /// A fresh id, chosen before the names that carry it.
    func newID() throws -> JobID { try JobID(at: .now()) }

    func enqueue(_ request: JobRequest, _ mutation: Mutation) async throws -> Job {
        if mutation.failIfBusy { try refuseIfBusy(request) }
        var request = request
        request.idempotency = mutation.idempotency
        request.requestor = mutation.caller.requestor
        request.reason = mutation.reason
        request.condition = mutation.condition
        do {
            switch try await engine.enqueue(request) {
            case .made(let job), .replayed(let job): return job
            }
        } catch {
            throw Self.refusal(error)
        }
    }

    private func refuseIfBusy(_ request: JobRequest) throws {
        for job in engine.board.active
        where job.state != .needsAttention && !job.onlyWaits
            && job.locks.contains(where: { held in request.locks.contains { $0.conflicts(with: held) } })
        {
            throw ServiceError(
                "resource.busy", .conflict, "job \(job.id) (\(job.kind)) works on it", isRetryable: true,
                hints: ["without ?if_busy=fail the request would queue behind it", "GET /v1/jobs/\(job.id)?wait=30s"], job: job.id)
        }
    }

    static func refusal(_ error: any Error) -> any Error {
        switch error {
        case EnqueueError.reserved(let name, let by) where name.hasPrefix("address:"):
            let shown = name.split(separator: "/").last.map(String.init) ?? name
            return ServiceError(
                "network.address_taken", .conflict, "the address \(shown) is being given to a card by job \(by)", isRetryable: true,
                hints: ["GET /v1/jobs/\(by)?wait=30s"], details: JSONObject([("made_by", .string(by))]))
        case EnqueueError.reserved(let name, let by):
            let parts = name.split(separator: ":", maxSplits: 1).map(String.init)
            let shown = parts.last ?? name
            return ServiceError(
                "\(parts.first ?? "resource").being_created", .conflict, "'\(shown)' is being made by job \(by)",
                isRetryable: true, hints: ["GET /v1/jobs/\(by)?wait=30s"], details: JSONObject([("made_by", .string(by))]))
        case EnqueueError.keyReused(let job):
            return ServiceError(
                "idempotency.key_reused", .invalid, "this Idempotency-Key was used for another request (job \(job))",
                hints: ["use a fresh key for each different request"], job: job)
        case EnqueueError.draining:
            return ServiceError(
                "daemon.stopping", .temporary, "the daemon is stopping and takes no new jobs", isRetryable: true, retryAfterSeconds: 2)
        case let error as SQLiteError where error.isDiskFull:
            return ServiceError(
                "database.no_space", .noSpace, "the disk with the state directory is full: nothing can be promised now; reads go on",
                isRetryable: true, hints: ["free space on the file system of state_directory"])
        case let failure as JobFailure: return ServiceError(failure)
        default: return error
        }
    }
}
