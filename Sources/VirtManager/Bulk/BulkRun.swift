internal import Hypervisor
internal import JobQueue

/// One attempt of a job on many machines.
struct BulkRun {
    let action: BulkAction
    let work: BulkWork
    let world: JobWorld
    let context: StepContext

    /// Children that are unfinished at one time: the rest of a long list waits its turn outside of the queue.
    private static let width = 64
    /// How long a host that was lost on the way may take to come back.
    private static let patience = Duration.seconds(30)

    /// Returns when every machine's job has ended.
    func run() async throws -> BulkResult {
        let progress = BulkProgress(count: work.machines.count)
        var entries = try await withThrowingTaskGroup(of: [(Int, BulkResult.Entry)].self) { group in
            for _ in 0..<min(Self.width, work.machines.count) { group.addTask { try await turns(progress) } }
            var found: [(Int, BulkResult.Entry)] = []
            for try await some in group { found += some }
            return found.sorted { $0.0 < $1.0 }.map(\.1)
        }
        while try await goOn(&entries) {}
        // All is done: a cancel has nothing to cancel any more.
        guard context.refuseCancels() else { throw CancellationError() }
        return BulkResult(entries: entries)
    }

    /// A machine whose disks others stand on goes once those are gone. Answers whether that brought any further.
    private func goOn(_ entries: inout [BulkResult.Entry]) async throws -> Bool {
        let held = entries.indices.filter { entries[$0].failure?.code == "vm.disks_in_use" }
        guard !held.isEmpty, held.count < entries.count else { return false }
        var isFurther = false
        for index in held {
            try Task.checkCancellation()
            entries[index] = try await one(work.machines[index])
            isFurther = isFurther || !entries[index].hasFailed
        }
        return isFurther
    }

    /// Takes one machine after the other until none is left.
    private func turns(_ progress: BulkProgress) async throws -> [(Int, BulkResult.Entry)] {
        var found: [(Int, BulkResult.Entry)] = []
        while true {
            guard let index = progress.take() else { return found }
            try Task.checkCancellation()
            let entry = try await one(work.machines[index])
            context.progress(items: progress.finishOne(), of: work.machines.count)
            found.append((index, entry))
        }
    }

    private func one(_ machine: BulkWork.Machine) async throws -> BulkResult.Entry {
        let (machines, engine) = try world.children.services()
        do {
            guard let job = try await child(of: machine, machines, engine) else {
                return BulkResult.Entry(machine: machine, state: "unchanged")
            }
            let end = try await wait(job.id, engine)
            let failure = end.state == .succeeded ? nil : end.failure ?? .cancelled
            return BulkResult.Entry(machine: machine, state: end.state.rawValue, job: job.id.text, failure: failure)
        } catch {
            // What one machine's host or the database says is no reason to leave the others.
            if error is CancellationError || Task.isCancelled { throw error }
            return BulkResult.Entry(machine: machine, state: "failed", failure: JobFailure.from(error))
        }
    }

    /// The machine's own job; nil if nothing has to be done. What an earlier attempt enqueued is found by its key.
    private func child(of machine: BulkWork.Machine, _ machines: MachineService, _ engine: JobEngine) async throws -> Job? {
        let text = "\(Self.keyPrefix(context.job))\(machine.id)"
        let key = IdempotencyKey(scope: Self.keyScope, key: text, digest: text)
        if let earlier = try engine.store.job(key: key) { return earlier }
        let mutation = Mutation(
            caller: Caller(kind: context.requestor.kind, name: context.requestor.name, scope: key.scope), idempotency: key,
            reason: "\(action.jobKind) \(context.job)", failIfBusy: work.failIfBusy)
        let passed = world.clock.stopwatch()
        while true {
            do {
                return try await enqueue(machine, machines, mutation)
            } catch let error as ServiceError where error.code == "limit.jobs" {
                // Others have filled the queue: there is room again when some of them have ended.
                try await world.clock.sleep(for: .milliseconds(250))
            } catch let error as ServiceError where error.code == "daemon.stopping" {
                throw CancellationError()
            } catch let error as ServiceError where error.category == .temporary && passed() < Self.patience {
                // Its host is away, or not listed yet after a start of the daemon.
                try await world.clock.sleep(for: .milliseconds(500))
            }
        }
    }

    private func enqueue(_ machine: BulkWork.Machine, _ machines: MachineService, _ mutation: Mutation) async throws -> Job? {
        let outcome: Outcome<MachineView>
        switch action {
        case .delete:
            outcome = try await machines.delete(
                machine.id.text, host: machine.host.text, disks: work.disks, missingOK: true, mutation)
        case .power(let action):
            outcome = try await machines.act(
                action, on: machines.get(machine.id.text, host: machine.host.text), body: work.options, mutation)
        }
        if case .job(let job) = outcome { return job }
        return nil
    }

    private func wait(_ id: JobID, _ engine: JobEngine) async throws -> Job {
        while true {
            let job = try await engine.wait(id, limit: .seconds(600))
            try Task.checkCancellation()
            guard let job else { throw JobFailure("job.not_found", category: "not_found", detail: "the job \(id) is gone") }
            if job.state.endsWaits { return job }
        }
    }

    // MARK: Cancelling

    private static let keyScope = "system:bulk"
    private static func keyPrefix(_ job: JobID) -> String { "bulk:\(job):" }

    /// Cancels what can be cancelled of the machines' jobs, whichever attempt enqueued them, and waits for the end of all.
    static func cancelChildren(of context: StepContext, _ world: JobWorld) async throws {
        let engine = try world.children.services().engine
        let prefix = keyPrefix(context.job)
        // One that needs attention is left to whoever gives it.
        let children = engine.board.active.filter { child in
            child.idempotency?.scope == keyScope && child.idempotency?.key.hasPrefix(prefix) == true && !child.state.endsWaits
        }
        for child in children {
            do {
                _ = try await engine.cancel(child.id)
            } catch {
                context.log("job \(child.id) goes on: \(JobFailure.from(error).detail)")
            }
        }
        for child in children { _ = try await engine.wait(child.id, limit: .seconds(60)) }
    }
}
