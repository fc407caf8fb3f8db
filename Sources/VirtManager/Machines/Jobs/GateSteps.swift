internal import Hypervisor
internal import JSON
internal import JobQueue
internal import Platform

/// Waiting for a started guest: `running`, `address`, `agent`. Touches nothing and holds no locks, so that the machine can
/// be stopped meanwhile; a machine that stops ends the wait.
struct GateSteps {
    let world: JobWorld
    let host: HostName
    let machine: MachineID
    let timeout: Duration

    func step(_ gate: String) -> JobStep {
        JobStep(
            "wait-\(gate)", .pure, releasesLocks: true,
            probe: { _ in try await look(gate) },
            act: { context in try await wait(gate, context) })
    }

    private func look(_ gate: String) async throws -> StepObservation {
        try await world.probe(host) { host in
            guard let seen = try await host.refresh(machine) else { throw ended(gate, "is gone") }
            guard seen.state.isActive else { throw ended(gate, "is \(seen.state.rawValue) (\(seen.stateReason))") }
            return try await isOpen(gate, host, seen) ? .done : .absent
        }
    }

    private func isOpen(_ gate: String, _ host: ManagedHost, _ seen: MachineObservation) async throws -> Bool {
        switch gate {
        case "address": return ObservedAddress.best(try await host.refreshAddresses(of: seen)) != nil
        case "agent":
            guard seen.state == .running else { return false }
            return try await agentAnswers(host)
        default: return seen.state == .running
        }
    }

    private func agentAnswers(_ host: ManagedHost) async throws -> Bool {
        do {
            try await host.connection.pingAgent(machine)
            return true
        } catch {
            let isSilent = [HypervisorError.Code.agentUnavailable, .invalidState, .operationFailed].contains(error.code)
            if isSilent { return false }
            throw error
        }
    }

    private func ended(_ gate: String, _ what: String) -> JobFailure {
        JobFailure(
            "gate.\(gate)_failed", category: "state", detail: "while waiting for '\(gate)' the machine \(what)",
            hints: ["start it again, or look at what it printed on its serial console"])
    }

    private func wait(_ gate: String, _ context: StepContext) async throws {
        let passed = world.clock.stopwatch()
        while true {
            if case .done = try await look(gate) { return }
            guard passed() < timeout else {
                throw JobFailure(
                    "gate.\(gate)_timeout", category: "timeout",
                    detail:
                        "the machine runs, but '\(gate)' was not reached within \(Int(timeout.milliseconds / 1000)) s (\(Self.tried(gate)))",
                    isRetryable: true, hints: [Self.hint(gate)])
            }
            try await world.clock.sleep(for: .milliseconds(250))
        }
    }

    private static func tried(_ gate: String) -> String {
        switch gate {
        case "address": "asked the guest agent and the network's DHCP leases"
        case "agent": "pinged the guest agent"
        default: "looked at its state"
        }
    }

    private static func hint(_ gate: String) -> String {
        switch gate {
        case "address": "does the VM have a NIC on an active network with DHCP, and does the guest ask for an address?"
        case "agent": "is qemu-guest-agent installed and started in the guest?"
        default: "look at GET /v1/vms/{vm} for its state"
        }
    }
}
