internal import Hypervisor
internal import JSON
internal import JobQueue
internal import Synchronization

/// The steps on a machine's power that several job kinds share. Each brings about a state and may be repeated.
struct PowerSteps {
    let world: JobWorld
    let host: HostName
    let machine: MachineID

    func gone() -> JobFailure {
        JobFailure("vm.not_found", category: "not_found", detail: "the machine \(machine) is not on host '\(host)' any more")
    }

    /// A step whose effect is that the machine is in one of `states`.
    ///
    /// - Parameter isLive: whether the process goes on through it, so that a look at the state tells all that is new.
    func bring(
        _ name: String, to reached: @escaping @Sendable (RunState) -> Bool, isPointOfNoReturn: Bool = false, goneIsDone: Bool = false,
        isLive: Bool = false,
        act: @escaping @Sendable (ManagedHost, StepContext) async throws -> Void,
        undo: (@Sendable (StepContext) async throws -> Void)? = nil
    ) -> JobStep {
        JobStep(
            name, .ensure, isPointOfNoReturn: isPointOfNoReturn,
            probe: { [world, host, machine] _ in
                try await world.probe(host) { host in
                    guard let seen = try await isLive ? host.refreshState(machine) : host.refresh(machine) else {
                        if goneIsDone { return .done }
                        throw gone()
                    }
                    return reached(seen.state) ? .done : .absent
                }
            },
            act: { [world, host] context in try await act(try world.host(host), context) }, undo: undo)
    }

    func stop(_ name: String = "stop") -> JobStep {
        bring(name, to: { !$0.isActive }, goneIsDone: true, act: { [machine] host, _ in try await host.connection.destroy(machine) })
    }

    func pause() -> JobStep {
        bring("pause", to: { $0 == .paused }, isLive: true, act: { [machine] host, _ in try await host.connection.suspend(machine) })
    }

    /// Writes the guest's memory to the host's disk; the next start goes on from there.
    func save() -> JobStep {
        bring("save", to: { $0 == .saved }, act: { [machine] host, _ in try await host.connection.save(machine) })
    }

    func resume() -> JobStep {
        bring("resume", to: { $0 == .running }, isLive: true, act: { [machine] host, _ in try await host.connection.resume(machine) })
    }

    /// Asks the guest to power off and waits `grace` for it; then pulls the plug if `thenStop`, else fails.
    func shutdown(grace: Duration, thenStop: Bool) -> JobStep {
        bring(
            "shutdown", to: { !$0.isActive }, goneIsDone: true,
            act: { [world, machine] host, context in
                defer { world.impatience.forget(context.job) }
                if try await Self.askToPowerOff(world, host, machine, grace: grace, of: context.job) { return }
                guard thenStop else {
                    throw JobFailure(
                        "vm.shutdown_timeout", category: "timeout",
                        detail: "the guest did not power off within \(Int(grace.milliseconds / 1000)) s", isRetryable: true,
                        hints: ["POST …/shutdown {\"then\": \"stop\"} pulls the plug after the grace time; POST …/stop at once"])
                }
                context.log("the guest did not power off in time; pulling the plug")
                try await host.connection.destroy(machine)
            })
    }

    /// Asks again every few seconds: a guest that is still booting has not heard the first time. Answers whether it is off.
    private static func askToPowerOff(
        _ world: JobWorld, _ host: ManagedHost, _ machine: MachineID, grace: Duration, of job: JobID
    ) async throws -> Bool {
        let passed = world.clock.stopwatch()
        while true {
            do {
                try await host.connection.requestShutdown(machine)
            } catch {
                // It may have gone off between the look and the request, or not listen: the grace time tells.
                if error.isUncertain { throw error }
            }
            let left = max(.zero, grace - passed())
            let isOff = try await wait(world, host, machine, for: min(left, .seconds(4))) { seen in
                !(seen?.state.isActive ?? false) || world.impatience.isFelt(for: job)
            }
            if world.impatience.isFelt(for: job) { return try await host.refreshState(machine)?.state.isActive != true }
            if isOff || passed() >= grace { return isOff }
        }
    }

    /// Presses the reset button. Seen by the mark of the last start, which is not older than the request; a driver that
    /// keeps no mark is believed within this attempt.
    func reset(since requested: Int64) -> JobStep {
        let press = Press()
        return JobStep(
            "reset", .ensure,
            probe: { [world, host, machine] _ in
                try await world.probe(host) { host in
                    guard let seen = try await host.refresh(machine) else { throw gone() }
                    return press.isDone.load(ordering: .acquiring) || seen.startedAtMilliseconds ?? 0 >= requested ? .done : .absent
                }
            },
            act: { [world, host, machine] context in
                let host = try world.host(host)
                try await host.connection.reset(machine)
                press.isDone.store(true, ordering: .releasing)
                await StartMark.write(host, machine, context, notBefore: requested)
            })
    }

    private final class Press: Sendable {
        let isDone = Atomic<Bool>(false)
    }

    /// Polls the host, ten times a second at first, until `isReached` or `limit`; answers whether it was reached.
    static func wait(
        _ world: JobWorld, _ host: ManagedHost, _ machine: MachineID, for limit: Duration,
        until isReached: @Sendable (MachineObservation?) -> Bool
    ) async throws -> Bool {
        let passed = world.clock.stopwatch()
        while true {
            if isReached(try await host.refreshState(machine)) { return true }
            let left = limit - passed()
            if left <= .zero { return false }
            try await world.clock.sleep(for: min(left, .milliseconds(100)))
        }
    }
}
