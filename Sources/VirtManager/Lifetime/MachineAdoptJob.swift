internal import Hypervisor
package import JSON
package import JobQueue

/// `vm.adopt`: writes our mark into a machine that another tool made. Nothing else of it changes but, where that was asked
/// for, its name.
package struct MachineAdoptJob: JobKind {
    package let name = "vm.adopt"
    /// A mark cannot be taken out again, and a name that is right does no harm.
    package let isUndoable = false
    let world: JobWorld

    package init(_ world: JobWorld) { self.world = world }

    package func steps(_ arguments: JSONValue) throws(JobFailure) -> [JobStep] {
        guard let adoption = MachineAdoption(json: arguments) else { throw unreadableArguments(name) }
        return [check(adoption)] + (adoption.isRenamed ? [rename(adoption)] : []) + [mark(adoption)]
    }

    package func result(_ context: StepContext) async throws -> JSONValue? {
        guard let adoption = MachineAdoption(json: context.arguments) else { return nil }
        let host = try world.host(adoption.host)
        let machine = world.fleet.lastSeen(adoption.id, on: adoption.host)
        let result = try await MachineResult(world: world, host: adoption.host, machine: adoption.id).json()
        guard var object = result.objectValue, let machine else { return result }
        object["warnings"] = .array(try await AdoptionLint(host: host).warnings(machine).map(JSONValue.string))
        return .object(object)
    }

    private static func gone(_ adoption: MachineAdoption) -> JobFailure {
        JobFailure("vm.not_found", category: "not_found", detail: "the machine \(adoption.id) is not on host '\(adoption.host)' any more")
    }

    /// Looks once more under the locks.
    private func check(_ adoption: MachineAdoption) -> JobStep {
        JobStep(
            "check", .pure,
            probe: { [world] context in
                try await world.probe(adoption.host) { host in
                    guard let seen = try await host.refresh(adoption.id) else { throw Self.gone(adoption) }
                    if world.isOurs(seen), seen.metadata?.job == context.job.text { return .done }
                    if let refusal = AdoptionRules(fleet: world.fleet, installation: world.installation).refusal(
                        seen, host: adoption.host, name: adoption.name)
                    {
                        throw refusal.jobFailure
                    }
                    return .done
                }
            },
            act: { _ in })
    }

    private func rename(_ adoption: MachineAdoption) -> JobStep {
        JobStep(
            "rename", .ensure,
            probe: { [world] _ in
                try await world.probe(adoption.host) { host in
                    guard let seen = try await host.refresh(adoption.id) else { throw Self.gone(adoption) }
                    return seen.name == adoption.name ? .done : .absent
                }
            },
            act: { [world] _ in try await world.host(adoption.host).connection.rename(adoption.id, to: adoption.name) })
    }

    private func mark(_ adoption: MachineAdoption) -> JobStep {
        JobStep(
            "mark", .ensure, isPointOfNoReturn: true,
            probe: { [world] context in
                try await world.probe(adoption.host) { host in
                    guard let seen = try await host.refresh(adoption.id) else { throw Self.gone(adoption) }
                    return world.isOurs(seen) && seen.metadata?.job == context.job.text ? .done : .absent
                }
            },
            act: { [world] context in
                let host = try world.host(adoption.host)
                guard let seen = try await host.refresh(adoption.id) else { throw Self.gone(adoption) }
                // What it runs with now is what was chosen for it: a start must not choose anew.
                let metadata = MachineMetadata(
                    installation: world.installation, machine: adoption.id.text, job: context.job.text, epoch: context.epoch,
                    createdAtMilliseconds: adoption.createdAtMilliseconds, accel: seen.hardware.accelerator.rawValue,
                    labels: adoption.labels, ownedVolumes: adoption.ownedVolumes)
                try await host.connection.change(adoption.id, MachineChange(metadata: metadata))
            })
    }
}
