internal import Hypervisor
internal import JSON
internal import JobQueue
internal import Platform
internal import Synchronization

/// Waiting for a started guest. Touches nothing and holds no locks, so that the machine can be stopped meanwhile; a machine
/// that stops ends the wait.
struct GateSteps {
    let world: JobWorld
    let host: HostName
    let machine: MachineID
    let timeout: Duration

    /// One step for each gate, in their order.
    func steps(_ texts: [String]) throws(JobFailure) -> [JobStep] {
        var steps: [JobStep] = []
        for text in texts {
            let gate: Gate
            do throws(Gate.Failure) {
                gate = try Gate(text)
            } catch {
                throw JobFailure("internal", category: "internal", detail: "the gate '\(text)' of this job cannot be read: \(error.detail)")
            }
            let name = if case .tcp(let port) = gate { "wait-tcp-\(port)" } else { "wait-\(gate.kind)" }
            let count = steps.count { $0.name == name || $0.name.hasPrefix("\(name)-again-") }
            steps.append(step(gate, count == 0 ? name : "\(name)-again-\(count)"))
        }
        return steps
    }

    private func step(_ gate: Gate, _ name: String) -> JobStep {
        let watch = GateWatch(world: world, host: host, machine: machine, gate: gate)
        return JobStep(
            name, .pure, releasesLocks: true,
            probe: { context in try await watch.look(context) },
            act: { context in try await wait(watch, context) })
    }

    private func wait(_ watch: GateWatch, _ context: StepContext) async throws {
        let passed = world.clock.stopwatch()
        while true {
            if case .done = try await watch.look(context) { return }
            guard passed() < timeout else { throw await watch.timeout(after: timeout) }
            try await world.clock.sleep(for: .milliseconds(250))
        }
    }

    /// Notes how far the console has come, for gates that must not see what was printed before (a reset keeps the log).
    static let mark = "mark-console"

    func markConsole() -> JobStep {
        JobStep(
            Self.mark, .pure,
            probe: { [world, host, machine] _ in
                try await world.probe(host) { host in
                    guard let seen = try await host.refresh(machine), let log = ConsoleService.log(of: seen, on: host) else { return .done }
                    return .done(try await log.end().json)
                }
            },
            act: { _ in })
    }

    func needsMark(_ texts: [String]) -> Bool { texts.contains { $0.hasPrefix("console:") } }
}
