package import Hypervisor
package import JSON
package import JobQueue

/// The arguments of `disk.attach`: the disk with target and volume chosen.
package struct DiskAttachment: Sendable, Equatable {
    package var host: HostName
    package var id: MachineID
    package var disk: MachineCreation.Disk
    /// Whether such a disk can be plugged into the machine while it runs.
    package var canPlug: Bool

    package init(host: HostName, id: MachineID, disk: MachineCreation.Disk, canPlug: Bool) {
        self.host = host
        self.id = id
        self.disk = disk
        self.canPlug = canPlug
    }

    /// What nobody else may take meanwhile.
    package var reservations: [String] { ["disk:\(id)/\(disk.target)"] }

    package var json: JSONValue {
        ["host": .string(host.text), "id": .string(id.text), "disk": disk.json, "can_plug": .bool(canPlug)]
    }

    package init?(json: JSONValue) {
        guard let object = json.objectValue, let host = object["host"]?.stringValue,
            let id = object["id"]?.stringValue.flatMap({ MachineID($0) }), let disk = MachineCreation.Disk(json: object["disk"])
        else { return nil }
        self.init(host: HostName(host), id: id, disk: disk, canPlug: object["can_plug"]?.boolValue ?? true)
    }
}

/// `disk.attach`: a disk or a drive more, its volume made where the request asks for a new one, which is the machine's own then.
/// A failure or a cancel takes all of it away again.
package struct DiskAttachJob: JobKind {
    package let name = "disk.attach"
    let world: JobWorld

    package init(_ world: JobWorld) { self.world = world }

    package func steps(_ arguments: JSONValue) throws(JobFailure) -> [JobStep] {
        guard let wanted = DiskAttachment(json: arguments) else { throw unreadableArguments(name) }
        let devices = DeviceSteps(world: world, host: wanted.host, machine: wanted.id)
        var steps = [check(wanted, devices)]
        if let make = VolumeSteps(world: world, host: wanted.host).make(wanted.disk) { steps.append(make) }
        if wanted.disk.isMade {
            steps.append(
                OwnershipStep(world: world, host: wanted.host, machine: wanted.id).make("own", add: wanted.disk.volume, undoable: true))
        }
        steps.append(
            devices.attach(.disk(wanted.disk, on: wanted.host, world.fleet), canPlug: wanted.canPlug) { [world] host in
                .addDisk(try await MachineSpecBuilder(world: world, host: host).spec(wanted.disk))
            })
        return steps
    }

    private func check(_ wanted: DiskAttachment, _ devices: DeviceSteps) -> JobStep {
        let disk = wanted.disk
        return devices.check { [world] host, seen in
            if seen.hasDisk(disk.target) || seen.defined.disk(disk.target) != nil {
                throw JobFailure("disk.exists", category: "conflict", detail: "the machine has a disk '\(disk.target)' already")
            }
            if let order = disk.bootOrder, let other = seen.defined.disks.first(where: { $0.bootOrder == order }) {
                throw DiskRules.orderTaken(order, by: other.target)
            }
            guard let needed = disk.needed else { return }
            guard let found = try await host.refresh(needed) else { throw DiskRules.missing(needed) }
            let use = VolumeUse(fleet: world.fleet, host: host.name)
            // Reading goes beside reading; writing goes beside nothing.
            let onlyReads = disk.isMade || disk.isReadOnly
            let users = onlyReads ? use.writers(of: needed, path: found.path) : use.users(of: needed, path: found.path)
            if let user = users.first {
                throw JobFailure("volume.in_use", category: "conflict", detail: "volume '\(needed)' is in use by VM '\(user.name)'")
            }
            if !onlyReads, let child = use.children(ofPath: found.path).first {
                throw JobFailure("volume.in_use", category: "conflict", detail: "volume '\(child)' stands on volume '\(needed)'")
            }
        }
    }

    package func result(_ context: StepContext) async throws -> JSONValue? {
        guard let wanted = DiskAttachment(json: context.arguments) else { return nil }
        let told: JSONValue = [
            "target": .string(wanted.disk.target), "pool": (wanted.disk.volume?.pool).map(JSONValue.string) ?? .null,
            "volume": (wanted.disk.volume?.volume).map(JSONValue.string) ?? .null,
        ]
        return try await DeviceResult(world: world, host: wanted.host, machine: wanted.id).json(context, [("disk", told)])
    }
}
