internal import Hypervisor
package import JSON
internal import JobQueue
internal import Platform

/// The machines of all hosts: finding them, and the rules of what may be done to them.
package final class MachineService: Sendable {
    let hosts: HostService
    let desk: JobDesk
    let defaults: MachineDefaults
    let installation: String
    let impatience: Impatience
    let seeds: SeedMaker
    var fleet: Fleet { hosts.fleet }

    init(hosts: HostService, desk: JobDesk, defaults: MachineDefaults, installation: String, impatience: Impatience, seeds: SeedMaker) {
        self.impatience = impatience
        self.seeds = seeds
        self.hosts = hosts
        self.desk = desk
        self.defaults = defaults
        self.installation = installation
    }

    // MARK: Reading

    package var view: FleetView { fleet.view }

    /// By name or UUID. `vm.not_found`, `vm.ambiguous`, or `host.not_ready` before the first listing.
    package func get(_ reference: String, host: String?) throws(ServiceError) -> MachineView {
        var matches: [MachineView] = []
        if let id = MachineID(reference) { matches = fleet.machines(id: id) }
        if matches.isEmpty { matches = fleet.machines(name: reference) }
        if let host {
            _ = try hosts.require(host)
            matches = matches.filter { $0.host.text == host }
        }
        // A name of ours is unique; other tools' machines of that name need their host or id said.
        if matches.count > 1, host == nil {
            let ours = matches.filter(\.isManaged)
            if ours.count == 1 { matches = ours }
        }
        return try hosts.single(matches, "vm", String(reference.prefix(128)), host: host, hostOf: \.host)
    }

    package func xml(_ machine: MachineView, inactive: Bool) async throws(ServiceError) -> String {
        let host = try hosts.require(machine.host)
        try host.requireOnline()
        do { return try await host.connection.machineXML(machine.id, inactive: inactive) } catch { throw error.serviceError }
    }

    // MARK: Power

    package func act(
        _ action: MachineAction, on machine: MachineView, body: JSONValue?, _ mutation: Mutation
    ) async throws -> Outcome<MachineView> {
        var target = MachineTarget(host: machine.host, id: machine.id, requestedAtMilliseconds: Timestamp.now().milliseconds)
        try readOptions(action, body, &target)
        let host = try hosts.require(machine.host)
        try host.requireOnline()
        // A job in line may change the state before this one runs: then only the job can tell.
        let isAlone = machine.activeJob == nil
        if isAlone, action.isFulfilled(in: machine.state), target.waitFor.isEmpty {
            return mutation.dryRun ? .plan(DryRun()) : .unchanged(machine)
        }
        if isAlone, !action.isAllowed(in: machine.state), !action.isFulfilled(in: machine.state) {
            let error = refusal(action, machine)
            if mutation.dryRun { return .plan(DryRun(refused: error)) }
            throw error
        }
        if action == .save { try await host.requireFeature(.managedSave) }
        if action == .reboot || action == .save, !machine.observation.isPersistent {
            if mutation.dryRun { return .plan(DryRun(refused: transient(machine))) }
            throw transient(machine)
        }
        if mutation.dryRun {
            let steps = try desk.engine.kind(action.jobKind)?.steps(target.json) ?? []
            return .plan(DryRun(steps: steps.map(\.name)))
        }
        let request = JobRequest(
            id: try desk.newID(), kind: action.jobKind, arguments: target.json, resources: [machine.path],
            locks: [LockRequest("host:\(machine.host)", .shared), LockRequest("vm:\(machine.id)", .exclusive)] + cables(action, machine),
            host: machine.host.text, priority: action == .stop ? .stop : .user)
        let job = try await desk.enqueue(request, mutation)
        if action == .stop { hurry(machine) }
        return .job(job)
    }

    /// A network is stopped for a change when nobody runs on it: whoever is about to waits for its return.
    private func cables(_ action: MachineAction, _ machine: MachineView) -> [LockRequest] {
        guard action == .start || action == .reboot else { return [] }
        let hardware = machine.observation.nextBoot ?? machine.observation.hardware
        return Set(hardware.nics.compactMap(\.network)).map { LockRequest("network:\(machine.host)/\($0)", .shared) }
    }

    /// The body of a power request, by itself.
    func checkOptions(_ action: MachineAction, _ body: JSONValue?) throws {
        guard let id = MachineID("00000000-0000-0000-0000-000000000000") else { return }
        var target = MachineTarget(host: HostName(""), id: id, requestedAtMilliseconds: 0)
        try readOptions(action, body, &target)
    }

    private func readOptions(_ action: MachineAction, _ body: JSONValue?, _ target: inout MachineTarget) throws {
        let problems = ProblemList()
        let reader = ObjectReader(body ?? .object(JSONObject()), problems: problems)
        if action == .shutdown || action == .reboot {
            if let grace = reader.duration("grace", in: .seconds(0) ... .seconds(3600)) {
                target.graceMilliseconds = Int64(grace.milliseconds)
            }
            target.thenStop = (reader.choice("then", ["stop", "fail"]) ?? "stop") == "stop"
        }
        if action == .start, let restore = reader.bool("restore") { target.restore = restore }
        if action == .start || action == .reboot || action == .reset {
            target.waitFor = reader.strings("wait_for", max: 8) ?? []
            Gate.check(target.waitFor, at: "/wait_for", problems)
            if let timeout = reader.duration("wait_timeout", in: .seconds(1) ... .seconds(86_400)) {
                target.waitTimeoutMilliseconds = Int64(timeout.milliseconds)
            }
        }
        reader.finish()
        guard problems.isEmpty else { throw ServiceError.invalid(problems.items) }
    }

    /// Whoever pulls the plug does not wait for a guest that was asked to go down by itself. Only once that is a promise: a
    /// request that is refused takes no grace from anybody.
    func hurry(_ machine: MachineView) {
        guard let id = machine.activeJob, let job = desk.engine.board[id] else { return }
        if job.kind == MachineAction.shutdown.jobKind || job.kind == MachineAction.reboot.jobKind { impatience.hurry(id) }
    }

    private func refusal(_ action: MachineAction, _ machine: MachineView) -> ServiceError {
        let allowed = machine.allowedActions.map(\.rawValue)
        return ServiceError(
            "vm.wrong_state", .state, "VM '\(machine.name)' is \(machine.state.rawValue): '\(action.rawValue)' is not possible now",
            hints: allowed.isEmpty ? [] : ["what can be done now: \(allowed.joined(separator: ", "))"],
            details: JSONObject([("state", .string(machine.state.rawValue)), ("allowed_actions", .array(allowed.map(JSONValue.string)))]))
    }

    private func transient(_ machine: MachineView) -> ServiceError {
        ServiceError(
            "vm.transient", .state, "VM '\(machine.name)' has no definition and would be gone once it is off",
            hints: ["POST …/reset restarts it without powering it off; POST …/pause stops it for a while"])
    }
}
