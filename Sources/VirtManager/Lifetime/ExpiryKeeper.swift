internal import Hypervisor
internal import JSON
internal import JobQueue
internal import Platform
internal import Telemetry

/// Ends lives: an expired machine of ours is deleted with what it owns, by a job like any other. The end stands in the
/// machine itself, so it survives whatever happens to the daemon; that there is one job for it is seen to by its key.
struct ExpiryKeeper {
    /// What was done about one end of one machine.
    private struct Attempt {
        var end: Int64
        /// Jobs that failed.
        var failures = 0
        /// Refusals before anything became a job.
        var refusals = 0
        var notBefore: Timestamp?
    }

    private let machines: MachineService
    private let engine: JobEngine
    private let events: EventLog
    private let log: Log
    private let clock: any Clock<Duration>
    private let now: @Sendable () -> Timestamp
    private var attempts: [MachineID: Attempt] = [:]
    /// By machine, the end that was announced.
    private var announced: [MachineID: Int64] = [:]
    private var trust = ClockTrust()
    /// Machines with an end, of the fleet at `generation`.
    private var mortals: [MachineView] = []
    private var generation: UInt64?

    private static let interval = Duration.seconds(1)
    private static let scope = "system:expiry"

    init(
        machines: MachineService, engine: JobEngine, events: EventLog, log: Log, clock: any Clock<Duration>,
        now: @escaping @Sendable () -> Timestamp
    ) {
        self.machines = machines
        self.engine = engine
        self.events = events
        self.log = log
        self.clock = clock
        self.now = now
    }

    /// Runs until cancelled.
    mutating func run() async {
        let steady = clock.stopwatch()
        while (try? await clock.sleep(for: Self.interval)) != nil {
            let time = now()
            let verdict = trust.judge(wall: time, steady: steady())
            if verdict == .leapt {
                log.notice("the clock leapt forward; nothing is deleted until it has gone steadily for a while", ["now": time])
            }
            learn()
            for machine in mortals {
                guard let end = machine.observation.metadata?.expiresAtMilliseconds else { continue }
                announce(machine, end, time)
                if end <= time.milliseconds, verdict == .trusted, !machine.isStale { await expire(machine, end, time) }
            }
        }
    }

    private mutating func learn() {
        let view = machines.view
        guard view.generation != generation else { return }
        generation = view.generation
        mortals = view.machines.filter { $0.isManaged && $0.observation.metadata?.expiresAtMilliseconds != nil }
        let ids = Set(mortals.map(\.id))
        attempts = attempts.filter { ids.contains($0.key) }
        announced = announced.filter { ids.contains($0.key) }
    }

    private mutating func announce(_ machine: MachineView, _ end: Int64, _ time: Timestamp) {
        let lead = ExpirySchedule.lead(createdAt: machine.observation.metadata?.createdAtMilliseconds ?? end, expiresAt: end)
        guard announced[machine.id] != end, end > time.milliseconds, end - time.milliseconds <= lead else { return }
        announced[machine.id] = end
        tell("vm.expiring", machine, end, job: nil, once: "expiring:\(machine.id):\(end)")
    }

    // MARK: The end

    private mutating func expire(_ machine: MachineView, _ end: Int64, _ time: Timestamp) async {
        var attempt = attempts[machine.id] ?? Attempt(end: end)
        if attempt.end != end { attempt = Attempt(end: end) }
        defer { attempts[machine.id] = attempt }
        do {
            guard try !isInHand(&attempt, machine, time), attempt.notBefore.map({ time >= $0 }) ?? true else { return }
            let mutation = Self.mutation(Self.key(machine, end, attempt.failures))
            let outcome = try await machines.delete(
                machine.id.text, host: machine.host.text, disks: "owned", missingOK: true, mutation, expiredAt: end)
            guard case .job(let job) = outcome else { return }
            tell("vm.expired", machine, end, job: job.id, once: "expired:\(machine.id):\(end)")
            log.notice("a machine has expired and is being deleted", ["vm": machine.name, "job": job.id])
        } catch {
            fail(&attempt, machine, JobFailure.from(error), time)
        }
    }

    /// Whether a deletion is under way; counts those that failed, those of earlier lives of the daemon too.
    private func isInHand(_ attempt: inout Attempt, _ machine: MachineView, _ time: Timestamp) throws -> Bool {
        while let job = try engine.store.job(key: Self.key(machine, attempt.end, attempt.failures)) {
            let job = engine.board[job.id] ?? job
            guard job.state.endsWaits else { return true }
            attempt.failures += 1
            // By a clock that was set back an end may lie ahead.
            let end = min(job.endedAt ?? time, time)
            attempt.notBefore = end.advanced(by: ExpirySchedule.distance(failures: attempt.failures))
            guard let failure = job.failure else { continue }
            tellFailure(machine, attempt, failure, once: "expiry_failed:\(job.id)")
        }
        return false
    }

    /// The deletion was refused before it was a job.
    private func fail(_ attempt: inout Attempt, _ machine: MachineView, _ failure: JobFailure, _ time: Timestamp) {
        attempt.refusals += 1
        attempt.notBefore = time.advanced(by: ExpirySchedule.distance(failures: attempt.refusals))
        tell("vm.expired", machine, attempt.end, job: nil, once: "expired:\(machine.id):\(attempt.end)")
        tellFailure(machine, attempt, failure, once: "expiry_failed:\(machine.id):\(attempt.end):\(failure.code)")
    }

    private func tellFailure(_ machine: MachineView, _ attempt: Attempt, _ failure: JobFailure, once: String) {
        log.warning(
            "an expired machine could not be deleted; it is tried again",
            ["vm": machine.name, "error": failure.code, "detail": failure.detail])
        var data = Self.data(machine, attempt.end)
        data["code"] = .string(failure.code)
        data["detail"] = .string(failure.detail)
        data["next_at"] = attempt.notBefore.map { .string($0.description) } ?? .null
        events.tell(Event(at: now(), kind: "vm.expiry_failed", resource: machine.path, origin: .gantry, data: data), once: once)
    }

    private func tell(_ kind: String, _ machine: MachineView, _ end: Int64, job: JobID?, once: String) {
        events.tell(
            Event(at: now(), kind: kind, resource: machine.path, origin: .gantry, job: job?.text, data: Self.data(machine, end)), once: once
        )
    }

    private static func data(_ machine: MachineView, _ end: Int64) -> JSONObject {
        JSONObject([
            ("name", .string(machine.name)), ("expires_at", .string(Timestamp(milliseconds: end).description)),
            ("host", .string(machine.host.text)),
        ])
    }

    /// One for each end of each machine, and one more after each deletion that failed.
    private static func key(_ machine: MachineView, _ end: Int64, _ failures: Int) -> IdempotencyKey {
        let key = "expiry:\(machine.id):\(end)" + (failures == 0 ? "" : ":\(failures)")
        return IdempotencyKey(scope: scope, key: key, digest: key)
    }

    private static func mutation(_ key: IdempotencyKey) -> Mutation {
        Mutation(
            caller: Caller(kind: "system", name: "expiry", scope: scope), idempotency: key, reason: "its lifetime is over")
    }
}
