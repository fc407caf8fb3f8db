package import Hypervisor
package import JSON
package import JobQueue

/// The arguments of `disk.detach`.
package struct DiskDetachment: Sendable, Equatable {
    package var host: HostName
    package var id: MachineID
    package var target: String
    package var canUnplug: Bool
    /// The volume that is deleted once the guest has let go; nil keeps what there is.
    package var deleting: VolumeReference?

    package init(host: HostName, id: MachineID, target: String, canUnplug: Bool, deleting: VolumeReference?) {
        self.host = host
        self.id = id
        self.target = target
        self.canUnplug = canUnplug
        self.deleting = deleting
    }

    package var json: JSONValue {
        [
            "host": .string(host.text), "id": .string(id.text), "target": .string(target), "can_unplug": .bool(canUnplug),
            "deleting": deleting?.json ?? .null,
        ]
    }

    package init?(json: JSONValue) {
        guard let object = json.objectValue, let host = object["host"]?.stringValue,
            let id = object["id"]?.stringValue.flatMap({ MachineID($0) }), let target = object["target"]?.stringValue
        else { return nil }
        self.init(
            host: HostName(host), id: id, target: target, canUnplug: object["can_unplug"]?.boolValue ?? true,
            deleting: VolumeReference(json: object["deleting"]))
    }
}

/// `disk.detach`: a disk leaves the running machine, then its definition; its volume is kept unless the request says otherwise.
/// Forward only.
package struct DiskDetachJob: JobKind {
    package let name = "disk.detach"
    package let isUndoable = false
    let world: JobWorld

    package init(_ world: JobWorld) { self.world = world }

    package func steps(_ arguments: JSONValue) throws(JobFailure) -> [JobStep] {
        guard let wanted = DiskDetachment(json: arguments) else { throw unreadableArguments(name) }
        let devices = DeviceSteps(world: world, host: wanted.host, machine: wanted.id)
        let disk = DeviceHandle.disk(wanted.target)
        var steps = [
            check(wanted, devices), devices.unplug(disk, canUnplug: wanted.canUnplug, mustGo: wanted.deleting != nil), devices.remove(disk),
        ]
        if let volume = wanted.deleting {
            steps.append(VolumeSteps(world: world, host: wanted.host).delete("delete-volume", volume, of: wanted.id))
            steps.append(OwnershipStep(world: world, host: wanted.host, machine: wanted.id).make("disown", remove: volume))
        }
        return steps
    }

    private func check(_ wanted: DiskDetachment, _ devices: DeviceSteps) -> JobStep {
        devices.check { [world] host, seen in
            guard let disk = seen.disk(wanted.target) else { throw DiskRules.unknown(wanted.target, seen) }
            guard let volume = wanted.deleting else { return }
            if let found = world.fleet.volume(of: disk, on: host.name), found != volume {
                throw JobFailure(
                    "disk.changed", category: "conflict",
                    detail: "disk '\(wanted.target)' stands on volume '\(found)' by now, not on '\(volume)': nothing was changed")
            }
            try await VolumeSteps(world: world, host: host.name).requireUnused([volume], goingWith: seen)
            let path = world.fleet.lastSeen(volume, on: host.name)?.path ?? disk.path ?? ""
            let others = VolumeUse(fleet: world.fleet, host: host.name).otherUses(
                of: volume, path: path, besides: wanted.target, in: seen)
            guard others.isEmpty else {
                throw JobFailure(
                    "volume.in_use", category: "conflict", detail: "volume '\(volume)' is in use by \(others.joined(separator: ", "))")
            }
        }
    }

    package func result(_ context: StepContext) async throws -> JSONValue? {
        guard let wanted = DiskDetachment(json: context.arguments) else { return nil }
        return try await DeviceResult(world: world, host: wanted.host, machine: wanted.id).json(
            context, [("disk", ["target": .string(wanted.target), "deleted": wanted.deleting?.json ?? .null])])
    }
}
