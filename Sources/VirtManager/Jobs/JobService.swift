internal import JSON
package import JobQueue
internal import Platform

/// The jobs, for whoever asks.
package final class JobService: Sendable {
    private let engine: JobEngine
    private let waits = JobWaits()

    package init(engine: JobEngine) { self.engine = engine }

    package func list(_ filter: JobFilter, after: JobID?, limit: Int) async throws -> [Job] {
        try await engine.list(filter, after: after, limit: limit)
    }

    package func get(_ id: String) async throws -> Job {
        guard let job = JobID(id) else { throw unknown(id) }
        guard let found = try engine.job(job) else { throw unknown(id) }
        return found
    }

    private func unknown(_ id: String) -> ServiceError {
        ServiceError("job.not_found", .notFound, "there is no job '\(id.prefix(64))'", hints: ["ended jobs are kept for 30 days"])
    }

    /// The job at its end, or after its next change (`after`), or when `limit` is over; as it is once the queue has stopped.
    package func wait(_ id: JobID, after: Int64? = nil, limit: Duration) async throws -> Job {
        let found = try await waits.run { [engine] in try await engine.wait(id, after: after, limit: limit) }
        guard let job = found else { throw unknown(id.text) }
        // Nobody else can bring the bytes of an upload: its caller is told instead of being asked to look later.
        if waits.isOver, !job.state.endsWaits, job.kind == "volume.upload" {
            throw ServiceError(
                "daemon.stopping", .temporary, "the daemon is stopping", isRetryable: true, job: job.id, retryAfterSeconds: 2)
        }
        return job
    }

    /// For when the queue has stopped: nothing changes any more, so nobody is kept waiting.
    func endWaits() { waits.end() }

    package func log(_ id: JobID, after: Int64, limit: Int) async throws -> [JobLogLine] {
        try await engine.store.log(id, after: after, limit: limit)
    }

    /// `job.past_cancel` if there is no way back; the job as it is if it has ended.
    package func cancel(_ id: String) async throws -> Job {
        let job = try await get(id)
        do {
            return try await engine.cancel(job.id) ?? job
        } catch let failure as JobFailure {
            throw ServiceError(failure, job: job.id)
        } catch {
            throw JobDesk.refusal(error)
        }
    }

    /// A new job (`retry_of`) that does the same once more. Not for uploads: their bytes are gone.
    package func retry(_ id: String, _ mutation: Mutation) async throws -> Job {
        let old = try await get(id)
        guard old.kind != "volume.upload", old.kind != "upload.begin" else {
            throw ServiceError("job.not_repeatable", .state, "the bytes of an upload are not kept; send them again", job: old.id)
        }
        guard old.state != .succeeded else {
            throw ServiceError("job.succeeded", .state, "job \(old.id) has done what it was to do; ask for it anew", job: old.id)
        }
        if old.hadSecrets, old.state.isTerminal { throw ServiceError(.secretsGone(old.id), job: old.id) }
        let request = JobRequest(
            id: try JobID(at: .now()), kind: old.kind, arguments: old.arguments, resources: old.resources, locks: old.locks,
            reservations: Self.reservations(of: old), host: old.host, priority: old.priority, idempotency: mutation.idempotency,
            requestor: mutation.caller.requestor, reason: mutation.reason)
        do {
            switch try await engine.retry(old.id, as: request) {
            case .made(let job), .replayed(let job): return job
            }
        } catch {
            throw JobDesk.refusal(error)
        }
    }

    /// What a job's kind reserves, from the arguments it was made with.
    private static func reservations(of job: Job) -> [String] {
        switch job.kind {
        case "vm.create": MachineCreation(json: job.arguments)?.reservations ?? []
        case "volume.create": VolumeTarget(json: job.arguments).map { ["volume:\($0.host)/\($0.volume)"] } ?? []
        case "network.create": NetworkCreation(json: job.arguments).map { [$0.reservation] } ?? []
        case "pool.create": PoolChange(json: job.arguments).map { [$0.reservation] } ?? []
        case "vm.update": MachineUpdate(json: job.arguments)?.reservations ?? []
        case "disk.attach": DiskAttachment(json: job.arguments)?.reservations ?? []
        case "nic.attach": NICAttachment(json: job.arguments)?.reservations ?? []
        case "nic.update": NICUpdate(json: job.arguments)?.reservations ?? []
        default: []
        }
    }

    /// What was asked under this key before. `idempotency.key_reused` if it was something else.
    package func earlier(_ key: IdempotencyKey) throws -> Job? {
        do {
            guard let job = try engine.store.job(key: key) else { return nil }
            return engine.board[job.id] ?? job
        } catch {
            throw JobDesk.refusal(error)
        }
    }
}
