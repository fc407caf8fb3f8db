internal import Hypervisor
package import JSON
internal import JobQueue
internal import Platform

extension MachineService {
    /// Makes a machine that another tool made one of ours.
    package func adopt(_ machine: MachineView, body: JSONValue?, _ mutation: Mutation) async throws -> Outcome<MachineView> {
        let problems = ProblemList()
        let reader = ObjectReader(body ?? .object(JSONObject()), problems: problems)
        let labels = MachineDraft.labels(reader) ?? [:]
        let ownsDisks = reader.bool("owned_disks") ?? false
        let name = reader.string("name", maxLength: 1024)
        if let name, !NameRules.isMachineName(name) {
            reader.problem("name", "is not a valid machine name", allowed: [NameRules.machine])
        }
        reader.finish()
        guard problems.isEmpty else { throw ServiceError.invalid(problems.items) }
        if machine.isManaged { return mutation.dryRun ? .plan(DryRun()) : .unchanged(machine) }
        let host = try hosts.require(machine.host)
        try host.requireOnline()
        try hosts.requireListed(nil)
        let wanted = name ?? machine.name
        if let refusal = AdoptionRules(fleet: fleet, installation: installation).refusal(
            machine.observation, host: machine.host, name: wanted)
        {
            throw refusal
        }
        if wanted != machine.name { try await host.requireFeature(.rename) }
        let adoption = MachineAdoption(
            host: machine.host, id: machine.id, name: wanted, oldName: machine.name, labels: labels,
            ownedVolumes: ownsDisks ? try ownable(machine) : [], createdAtMilliseconds: Timestamp.now().milliseconds)
        if mutation.dryRun {
            let steps = try desk.engine.kind("vm.adopt")?.steps(adoption.json) ?? []
            do throws(HypervisorError) {
                return .plan(DryRun(warnings: try await AdoptionLint(host: host).warnings(machine.observation), steps: steps.map(\.name)))
            } catch {
                throw error.serviceError
            }
        }
        return .job(
            try await desk.enqueue(
                JobRequest(
                    id: try desk.newID(), kind: "vm.adopt", arguments: adoption.json, resources: [machine.path],
                    locks: [LockRequest("host:\(machine.host)", .shared), LockRequest("vm:\(machine.id)", .exclusive)],
                    reservations: ["vm:\(wanted)"], host: machine.host.text), mutation))
    }

    /// The volumes that would go with the machine: its own disks, its console and its firmware's variables, as far as they lie
    /// in pools and nobody else uses them.
    private func ownable(_ machine: MachineView) throws -> [VolumeReference] {
        let hardware = machine.observation.hardware
        var volumes = machine.disks.filter { $0.observation.device == "disk" && !$0.observation.isReadOnly }.compactMap(\.volume)
        for path in [hardware.firmware.nvramPath, hardware.consoleLogPath] {
            if let volume = path.flatMap({ fleet.volume(at: $0, on: machine.host) }) { volumes.append(volume) }
        }
        let use = VolumeUse(fleet: fleet, host: machine.host)
        var inTheWay: [String] = []
        for volume in volumes {
            let path = fleet.lastSeen(volume, on: machine.host)?.path ?? ""
            inTheWay += use.users(of: volume, path: path).filter { $0.id != machine.id }.map { "'\(volume)' is used by VM '\($0.name)'" }
        }
        guard inTheWay.isEmpty else {
            throw ServiceError(
                "vm.disks_in_use", .conflict, "its disks cannot become its own: \(inTheWay.joined(separator: ", "))",
                hints: ["without owned_disks the machine is adopted and its disks stay as they are"],
                details: JSONObject([("in_use_by", .array(inTheWay.map(JSONValue.string)))]))
        }
        var kept: [VolumeReference] = []
        for volume in volumes where !kept.contains(volume) && !fleet.isGiven(volume, on: machine.host) { kept.append(volume) }
        return kept
    }
}
