internal import Hypervisor
package import JSON
internal import JobQueue
internal import Platform

extension MachineService {
    /// A new machine. Every fault of the request is told at once; nothing changes on a refusal.
    package func create(_ body: JSONValue, _ mutation: Mutation) async throws -> Outcome<MachineView> {
        let problems = ProblemList()
        guard let draft = MachineDraft.read(body, defaults: defaults, problems: problems) else {
            throw ServiceError.invalid(problems.items)
        }
        return try await create(draft, problems, mutation)
    }

    func create(_ draft: MachineDraft, _ problems: ProblemList, _ mutation: Mutation) async throws -> Outcome<MachineView> {
        do {
            let request = try await request(draft, problems)
            if mutation.dryRun {
                let steps = try desk.engine.kind("vm.create")?.steps(request.arguments) ?? []
                return .plan(DryRun(steps: steps.map(\.name)))
            }
            return .job(try await desk.enqueue(request, mutation))
        } catch let error as ServiceError where mutation.dryRun {
            return .plan(DryRun(refused: error))
        }
    }

    private func request(_ draft: MachineDraft, _ problems: ProblemList) async throws -> JobRequest {
        let id = try desk.newID()
        guard let host = hosts.forMaking(draft.host, pointer: "/host", problems: problems) else {
            throw ServiceError.invalid(problems.items)
        }
        if problems.isEmpty || host.state.reach == .online { try host.requireOnline() }
        var planner = MachinePlanner(host: host, defaults: defaults, problems: problems)
        let creation: MachineCreation
        do {
            creation = try await planner.plan(draft, job: id)
        } catch let error as HypervisorError {
            guard problems.isEmpty else { throw ServiceError.invalid(problems.items) }
            throw error.serviceError
        }
        try await checkSeed(draft, creation, problems)
        // The name before the volumes: they are in use by that very machine when a request is sent twice.
        try planner.settle { try refuseTaken(creation.name) }
        var request = JobRequest(
            id: id, kind: "vm.create", arguments: creation.json, resources: [MachineView.path(creation.id)], locks: locks(creation),
            reservations: creation.reservations, host: host.name.text)
        if let wish = draft.cloudInit { request.secrets = [CloudInitDraft.secretName: wish.secret] }
        return request
    }

    /// Made once before it is promised: what cannot be a seed is refused here.
    private func checkSeed(_ draft: MachineDraft, _ creation: MachineCreation, _ problems: ProblemList) async throws {
        guard let wish = draft.cloudInit, problems.isEmpty else { return }
        do {
            _ = try await seeds.image(wish, machine: creation.id, name: creation.name)
        } catch let refusal as SeedRefusal {
            guard !refusal.isOurs else { throw ServiceError("seed.not_made", .internal, refusal.detail) }
            problems.add(FieldProblem(pointer: "/cloud_init/\(refusal.field)", detail: refusal.detail))
        }
    }

    private func refuseTaken(_ name: String) throws {
        if let other = fleet.machines(name: name).first {
            throw ServiceError(
                "vm.exists", .conflict, "a VM '\(name)' is on host '\(other.host)' already",
                hints: ["PUT /v1/vms/\(name) confirms one that is as wanted", "or choose another name"],
                details: JSONObject([("vm", .string(other.path))]))
        }
        for host in fleet.hosts where !host.wasListed && !host.isSettled { try hosts.requireListed(host.name.text) }
    }

    private func locks(_ creation: MachineCreation) -> [LockRequest] {
        let host = creation.host
        var locks = [LockRequest("host:\(host)", .shared), LockRequest("vm:\(creation.id)", .exclusive)]
        for disk in creation.disks { locks += disk.locks(on: host) }
        if let boot = creation.boot {
            for volume in [boot.kernel, boot.initrd].compactMap(\.self) { locks.append(LockRequest("volume:\(host)/\(volume)", .shared)) }
        }
        locks += creation.nics.map { LockRequest("network:\(host)/\($0.spec.network)", .shared) }
        // One volume in both roles needs the stronger lock only.
        return locks.filter { lock in lock.mode == .exclusive || !locks.contains { $0.resource == lock.resource && $0.mode == .exclusive } }
    }

    // MARK: Create or confirm

    /// Creates the machine of that name, or confirms that it is as the body says: `vm.differs` with each difference if not.
    package func put(_ name: String, _ body: JSONValue, _ mutation: Mutation) async throws -> Outcome<MachineView> {
        let problems = ProblemList()
        let reader = ObjectReader(body, problems: ProblemList())
        if let given = reader.string("name", maxLength: 1024), given != name {
            problems.add(
                FieldProblem(pointer: "/name", detail: "differs from the name in the path", value: .string(given), allowed: [name]))
        }
        guard var draft = MachineDraft.read(body, defaults: defaults, problems: problems) else {
            throw ServiceError.invalid(problems.items)
        }
        draft.name = name
        if !NameRules.isMachineName(name) {
            problems.add(
                FieldProblem(pointer: "/name", detail: "is not a valid machine name", value: .string(name), allowed: [NameRules.machine]))
        }
        if let machine = try existing(name, host: draft.host) {
            guard problems.isEmpty else { throw ServiceError.invalid(problems.items) }
            var differences = MachineConfirmation(draft: draft, machine: machine).differences()
            differences += try await seedDifferences(draft, machine)
            // It is there and as wanted, but its making is not over: that job's end is the answer.
            if differences.isEmpty, let making = try creation(of: machine) { return .job(making) }
            if differences.isEmpty { return mutation.dryRun ? .plan(DryRun()) : .unchanged(machine) }
            let error = ServiceError(
                "vm.differs", .conflict,
                "VM '\(name)' is there and differs: \(differences.map { "\($0.pointer) \($0.detail)" }.joined(separator: "; "))",
                problems: differences, hints: ["PATCH changes what can be changed; DELETE and PUT make it anew"])
            if mutation.dryRun { return .plan(DryRun(refused: error)) }
            throw error
        }
        do {
            return try await create(draft, problems, mutation)
        } catch let error as ServiceError where error.code == "vm.being_created" {
            return try await join(error, draft)
        }
    }

    /// Compares the seed that the wish would make with the one that the machine has, byte by byte.
    private func seedDifferences(_ draft: MachineDraft, _ machine: MachineView) async throws -> [FieldProblem] {
        guard let wish = draft.cloudInit else { return [] }
        let differs = [FieldProblem(pointer: "/cloud_init", detail: "differs from what it was made with")]
        // While its making goes on the seed may not be whole yet: the job knows what it is to hold.
        if let making = try creation(of: machine) {
            return try desk.engine.store.secrets(making.id)[CloudInitDraft.secretName] == wish.secret ? [] : differs
        }
        guard let volume = machine.seed?.volume else {
            return [FieldProblem(pointer: "/cloud_init", detail: "was not given when it was made", allowed: ["null"])]
        }
        let host = try hosts.require(machine.host)
        try host.requireOnline()
        do {
            let image = try await seeds.image(wish, machine: machine.id, name: machine.name)
            return try await SeedSteps.holds(image, volume, host) ? [] : differs
        } catch let error as HypervisorError {
            throw error.serviceError
        } catch let refusal as SeedRefusal {
            return [FieldProblem(pointer: "/cloud_init/\(refusal.field)", detail: refusal.detail)]
        }
    }

    private func creation(of machine: MachineView) throws -> Job? {
        guard let id = machine.activeJob, let job = try desk.engine.job(id), job.kind == "vm.create", !job.state.endsWaits else {
            return nil
        }
        return job
    }

    private func existing(_ name: String, host: String?) throws -> MachineView? {
        do { return try get(name, host: host) } catch { if error.category == .notFound { return nil } else { throw error } }
    }

    /// Somebody makes the very same machine right now: the caller gets that job.
    private func join(_ error: ServiceError, _ draft: MachineDraft) async throws -> Outcome<MachineView> {
        guard let text = error.details["made_by"]?.stringValue, let id = JobID(text), let job = try desk.engine.job(id),
            let creation = MachineCreation(json: job.arguments), creation.isAsked(by: draft),
            try desk.engine.store.secrets(id)[CloudInitDraft.secretName] == draft.cloudInit?.secret
        else { throw error }
        return .job(job)
    }
}
