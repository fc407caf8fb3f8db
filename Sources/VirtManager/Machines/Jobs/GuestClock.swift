internal import Hypervisor
internal import JobQueue
internal import Platform

/// Sets the clock of a guest that stood still for a while: it was paused, or its memory was saved. A favour that never
/// fails anything; a guest without an agent is left alone at once.
struct GuestClock {
    let world: JobWorld
    let host: ManagedHost
    let machine: MachineObservation

    /// What the host says of a guest that goes on instead of booting.
    static let reasons: Set<String> = ["restored", "unpaused"]

    func set(_ context: StepContext) async {
        guard machine.state == .running, Self.reasons.contains(machine.stateReason) else { return }
        guard machine.agentConnected else {
            return context.log("the guest's clock was not set: no agent is connected")
        }
        do {
            try await host.connection.setTime(machine.id, atMilliseconds: Timestamp.now().milliseconds)
            context.log("the guest's clock was set")
        } catch {
            guard error.code != .agentUnavailable, !error.isUncertain else {
                return context.log("the guest's clock was not set: \(error.message)")
            }
            await setByProgram(context, error)
        }
    }

    /// The agent wants `hwclock` in the guest, which a small one lacks; `date` does it too.
    private func setByProgram(_ context: StepContext, _ first: HypervisorError) async {
        do {
            let seconds = (Timestamp.now().milliseconds + 500) / 1000
            let pid = try await host.connection.startProcess(machine.id, GuestProgram(arguments: ["date", "-s", "@\(seconds)"]))
            let passed = world.clock.stopwatch()
            while passed() < .seconds(3) {
                let process = try await host.connection.process(machine.id, pid: pid)
                if process.hasExited {
                    let isSet = process.exitCode == 0
                    return context.log(
                        isSet
                            ? "the guest's clock was set by 'date'"
                            : "the guest's clock was not set: \(first.message); 'date' ended with \(process.exitCode ?? -1)")
                }
                try await world.clock.sleep(for: .milliseconds(100))
            }
            context.log("the guest's clock was not set: 'date' did not end")
        } catch let error as HypervisorError {
            context.log("the guest's clock was not set: \(first.message); then \(error.message)")
        } catch {
            context.log("the guest's clock was not set: \(first.message)")
        }
    }
}
