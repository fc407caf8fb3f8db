internal import Hypervisor
internal import JSON

/// Runs programs in guests through their agents. No job: the caller waits, and takes the program with it when it goes.
package final class ExecService: Sendable {
    private let hosts: HostService
    private let clock: any Clock<Duration>
    private let places: LiveStreams

    init(hosts: HostService, limits: ServiceLimits, clock: any Clock<Duration>) {
        self.hosts = hosts
        self.clock = clock
        places = LiveStreams(name: "execs", limit: limits.execs)
    }

    package func run(_ request: ExecRequest, in machine: MachineView) async throws -> ExecResult {
        let host = try hosts.require(machine.host)
        try host.requireOnline()
        guard machine.state == .running else {
            throw ServiceError(
                "vm.wrong_state", .state, "VM '\(machine.name)' is \(machine.state.rawValue): programs run in running VMs only",
                hints: ["what can be done now: \(machine.allowedActions.map(\.rawValue).joined(separator: ", "))"])
        }
        try await host.requireFeature(.exec)
        let place = try places.enter()
        defer { withExtendedLifetime(place) {} }
        return try await ExecRun(request: request, machine: machine, host: host, clock: clock).result()
    }
}
