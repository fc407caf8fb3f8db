internal import Hypervisor
internal import JSON
internal import JobQueue
internal import Platform

extension MachineService {
    // MARK: Delete

    /// Deletes the machine; a running one is stopped by force. `disks`: `owned` (made with it), `all` (that nobody else uses), `none`.
    package func delete(
        _ reference: String, host: String?, disks: String, missingOK: Bool, _ mutation: Mutation, expiredAt: Int64? = nil
    ) async throws -> Outcome<MachineView> {
        let machine: MachineView
        do {
            machine = try get(reference, host: host)
        } catch {
            guard missingOK && error.code == "vm.not_found" else { throw error }
            try hosts.requireAllListed(host)
            return .absent
        }
        let managed = try hosts.require(machine.host)
        try managed.requireOnline()
        let console = consoleVolume(machine)
        let volumes = try volumes(machine, disks).filter { $0 != console }
        var deletion = MachineDeletion(
            host: machine.host, id: machine.id, name: machine.name, volumes: volumes,
            console: disks == "none" && !machine.isManaged ? nil : console, cards: cards(machine))
        deletion.expiredAt = expiredAt
        if mutation.dryRun {
            let steps = try desk.engine.kind("vm.delete")?.steps(deletion.json) ?? []
            return .plan(DryRun(steps: steps.map(\.name)))
        }
        let locks =
            [LockRequest("host:\(machine.host)", .shared), LockRequest("vm:\(machine.id)", .exclusive)]
            + volumes.map { LockRequest("volume:\(machine.host)/\($0)", .exclusive) }
            + Set(deletion.cards.map(\.network)).map { LockRequest("network:\(machine.host)/\($0)", .shared) }
        let job = try await desk.enqueue(
            JobRequest(
                id: try desk.newID(), kind: "vm.delete", arguments: deletion.json, resources: [machine.path], locks: locks,
                host: machine.host.text, priority: .stop), mutation)
        hurry(machine)
        return .job(job)
    }

    /// The cards of a machine of ours for which a network keeps an address.
    private func cards(_ machine: MachineView) -> [MachineDeletion.Card] {
        guard machine.isManaged else { return [] }
        let nics = machine.observation.hardware.nics + (machine.observation.nextBoot?.nics ?? [])
        let macs = Set(nics.map(\.mac))
        return fleet.networks(machine.host).flatMap { network in
            network.reservations.filter { macs.contains($0.mac) }.map { MachineDeletion.Card(mac: $0.mac, network: network.name) }
        }
    }

    private func consoleVolume(_ machine: MachineView) -> VolumeReference? {
        guard machine.isManaged, let path = machine.observation.hardware.consoleLogPath else { return nil }
        let volume = fleet.volume(at: path, on: machine.host)
        return volume.flatMap { machine.observation.metadata?.ownedVolumes.contains($0) == true ? $0 : nil }
    }

    /// NVRAM and seed of a machine of ours.
    private func ownFiles(_ machine: MachineView) -> [VolumeReference] {
        let nvram = machine.observation.hardware.firmware.nvramPath.flatMap { fleet.volume(at: $0, on: machine.host) }
        return [nvram, machine.seed?.volume].compactMap(\.self)
    }

    /// The volumes that go too; refuses if others stand on them.
    private func volumes(_ machine: MachineView, _ disks: String) throws -> [VolumeReference] {
        let owned = machine.isManaged ? machine.observation.metadata?.ownedVolumes ?? [] : []
        // What belongs to the machine and is no disk has no use without it.
        var chosen = disks == "none" ? owned.filter { ownFiles(machine).contains($0) } : owned
        if disks == "all" {
            let all = machine.disks.filter { $0.observation.device == "disk" }.compactMap(\.volume)
            for volume in all { try fleet.requireOwnWays(volume, on: machine.host) }
            chosen += all
        }
        let use = VolumeUse(fleet: fleet, host: machine.host)
        var kept: [VolumeReference] = []
        var inTheWay: [String] = []
        for volume in chosen where !kept.contains(volume) {
            let path = fleet.lastSeen(volume, on: machine.host)?.path ?? ""
            let users = use.users(of: volume, path: path).filter { $0.id != machine.id }.map { "VM '\($0.name)'" }
            let children = path.isEmpty ? [] : use.children(ofPath: path).filter { !chosen.contains($0) }
            // A disk that is only attached is left to those who use it too.
            if !owned.contains(volume), !users.isEmpty { continue }
            if users.isEmpty { inTheWay += children.map { "volume '\($0)'" } } else { inTheWay += users }
            kept.append(volume)
        }
        guard inTheWay.isEmpty else {
            throw ServiceError(
                "vm.disks_in_use", .conflict, "disks of VM '\(machine.name)' are in use by \(inTheWay.joined(separator: ", "))",
                hints: ["?disks=none keeps the disks", "or delete what stands on them first"],
                details: JSONObject([("in_use_by", .array(inTheWay.map(JSONValue.string)))]))
        }
        return kept
    }
}
