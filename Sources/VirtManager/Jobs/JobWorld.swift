internal import Hypervisor
internal import JSON
internal import JobQueue
internal import Platform

/// What the steps of job kinds reach: the hosts and who we are.
package struct JobWorld: Sendable {
    package let hosts: HostService
    /// The mark that our machines bear.
    package let installation: String
    let fleet: Fleet
    let clock: any Clock<Duration>

    package init(hosts: HostService, installation: String, clock: any Clock<Duration> = ContinuousClock()) {
        self.hosts = hosts
        self.installation = installation
        fleet = hosts.fleet
        self.clock = clock
    }

    func host(_ name: HostName) throws -> ManagedHost {
        guard let host = hosts.managed(name) else {
            throw JobFailure("host.not_found", category: "not_found", detail: "host '\(name)' is no longer configured")
        }
        return host
    }

    func isOurs(_ machine: MachineObservation) -> Bool { machine.metadata?.installation == installation }

    /// Runs a look at a host; no answer becomes `unreachable`, so that the job waits instead of guessing.
    func probe(
        _ name: HostName, _ look: @Sendable (ManagedHost) async throws -> StepObservation
    ) async throws -> StepObservation {
        let host = try host(name)
        do {
            return try await look(host)
        } catch let error as HypervisorError where error.code == .connectionLost || error.code == .timeout {
            return .unreachable(host.path)
        }
    }
}

/// A job kind's arguments could not be read: our own defect, or a database from another world.
func unreadableArguments(_ kind: String) -> JobFailure {
    JobFailure("internal", category: "internal", detail: "the arguments of this \(kind) job cannot be read")
}
