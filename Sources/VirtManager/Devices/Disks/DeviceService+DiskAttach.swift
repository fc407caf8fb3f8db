internal import Hypervisor
package import JSON
internal import JobQueue

extension DeviceService {
    /// A disk or drive more: the body is an entry of `disks` as in the making of a machine.
    package func attachDisk(_ machine: MachineView, _ body: JSONValue, _ mutation: Mutation) async throws -> Outcome<MachineView> {
        let host = try await host(toEdit: machine)
        let reader = ObjectReader(body, problems: ProblemList())
        reader.ignore("type", "vm", "pending")
        let wish = MachineDraft.disk(reader, defaults)
        reader.finish()
        let capabilities = try await host.capabilities()
        if wish.device == .cdrom { try await host.requireFeature(.cdrom) }
        checkFit(wish, reader, machine, capabilities)
        // Two requests at once may choose one name: who comes second takes the next.
        var taken = takenTargets(machine)
        while true {
            let id = try desk.newID()
            var targets = DiskTargets(taken: taken)
            let target = targets.next(for: wish.bus)
            var planner = MachinePlanner(host: host, defaults: defaults, problems: reader.problems)
            let disk = try await planner.disk(wish, at: "", target: target, named: "\(machine.name)-\(target)-\(id.short).qcow2")
            try planner.settle()
            guard let disk else { throw ServiceError.invalid(reader.problems.items) }
            let canPlug = capabilities.can(.hotplugDisk) && DiskRules.canPlug(disk, into: machine.observation)
            let arguments = DiskAttachment(host: machine.host, id: machine.id, disk: disk, canPlug: canPlug)
            do {
                return try await enqueue(
                    "disk.attach", arguments.json, machine, id: id, locks: locks(machine, disk.locks(on: machine.host)),
                    reservations: arguments.reservations, mutation)
            } catch let error as ServiceError where error.code == "disk.being_created" && taken.count < 100 {
                taken.insert(target)
            }
        }
    }

    private func checkFit(_ wish: MachineDraft.Disk, _ reader: ObjectReader, _ machine: MachineView, _ capabilities: HostCapabilities) {
        if !capabilities.diskBuses.isEmpty, !capabilities.diskBuses.contains(wish.bus) {
            reader.problem(
                "bus", "is a bus that host '\(machine.host)' does not have", allowed: capabilities.diskBuses.map(\.rawValue))
        }
        if let order = wish.bootOrder, let other = machine.observation.defined.disks.first(where: { $0.bootOrder == order }) {
            reader.problem("boot_order", "is that of disk '\(other.target)'")
        }
        if machine.observation.defined.disks.count >= MachineDraft.mostDisks {
            reader.problems.add(FieldProblem(pointer: "", detail: "the machine has \(MachineDraft.mostDisks) disks, which is the most"))
        }
    }

    /// Names of disks that it has, will have at its next boot, or that jobs in line have chosen.
    private func takenTargets(_ machine: MachineView) -> Set<String> {
        let seen = machine.observation
        let coming = desk.engine.board.active.filter { $0.kind == "disk.attach" && $0.resources.first == machine.path }
            .compactMap { DiskAttachment(json: $0.arguments)?.disk.target }
        return Set(seen.hardware.disks.map(\.target) + seen.defined.disks.map(\.target) + coming)
    }
}
