internal import Hypervisor
package import JSON
internal import JobQueue

extension MachineService {
    /// One job that does the same to all of `machines`. Machines of other tools are not deleted this way: an order for
    /// many is too easily too wide.
    package func act(
        _ action: BulkAction, on machines: [MachineView], body: JSONValue?, disks: String = "owned", _ mutation: Mutation
    ) async throws -> Outcome<BulkResult> {
        try hosts.requireListed(nil)
        if case .power(let action) = action { try checkOptions(action, body) }
        let chosen = action == .delete ? machines.filter(\.isManaged) : machines
        let others = action == .delete ? machines.filter { !$0.isManaged } : []
        let warnings = others.map { "VM '\($0.name)' on host '\($0.host)' was made by another tool and is left alone" }
        if mutation.dryRun { return .plan(await plan(action, chosen, body, disks, warnings)) }
        guard !chosen.isEmpty else { return .unchanged(.none) }
        let work = BulkWork(
            machines: chosen.map { .init(id: $0.id, host: $0.host, name: $0.name) }, options: body, disks: disks,
            failIfBusy: mutation.failIfBusy)
        var own = mutation
        own.failIfBusy = false
        let request = JobRequest(
            id: try desk.newID(), kind: action.jobKind, arguments: work.json, resources: ["/v1/vms"], locks: [],
            priority: action == .delete || action == .power(.stop) ? .stop : .user)
        return .job(try await desk.enqueue(request, own))
    }

    /// Which machines are meant, and what stands in the way of each.
    private func plan(
        _ action: BulkAction, _ machines: [MachineView], _ body: JSONValue?, _ disks: String, _ warnings: [String]
    ) async -> DryRun {
        var warnings = warnings
        let trial = Mutation(caller: Caller(kind: "system", name: "bulk", scope: "system:bulk"), dryRun: true)
        for machine in machines {
            // A look at one is short; at thousands, it is not: others get their turn in between.
            await Task.yield()
            do {
                let outcome: Outcome<MachineView>
                switch action {
                case .delete: outcome = try await delete(machine.id.text, host: machine.host.text, disks: disks, missingOK: true, trial)
                case .power(let action): outcome = try await act(action, on: machine, body: body, trial)
                }
                guard case .plan(let plan) = outcome else { continue }
                warnings += plan.blockers.map { "VM '\(machine.name)': \($0.detail)" }
            } catch {
                warnings.append("VM '\(machine.name)': \(JobFailure.from(error).detail)")
            }
        }
        var plan = DryRun(warnings: warnings, steps: machines.isEmpty ? [] : ["machines"])
        plan.machines = machines.map { machine in
            ["id": .string(machine.id.text), "name": .string(machine.name), "host": .string(machine.host.text)]
        }
        return plan
    }
}
