internal import Hypervisor
package import JSON
package import JobQueue
internal import Synchronization

/// `disk.move`: a disk comes to another pool while its machine runs, or off through a helper machine: one path for both.
///
/// The copy is kept in step with the disk until the switch. Up to there a failure or a cancel leaves the disk as it was and
/// nothing of the copy; from there on it goes forward only. The copy stands alone: layers under the disk are copied into it.
package struct DiskMoveJob: JobKind {
    package let name = "disk.move"
    let world: JobWorld

    package init(_ world: JobWorld) { self.world = world }

    /// Whether an unfinished job works through the helper machine of that name. What cannot be read is left alone.
    static func isWorking(through helper: String, _ store: JobStore) -> Bool {
        guard let unfinished = try? store.unfinished() else { return true }
        return unfinished.contains { $0.kind == "disk.move" && DiskMove(json: $0.arguments)?.helperName == helper }
    }

    package func steps(_ arguments: JSONValue) throws(JobFailure) -> [JobStep] {
        guard let move = DiskMove(json: arguments) else { throw unreadableArguments(name) }
        let copy = DiskCopy(world: world, move: move)
        return [
            check(move), makeVolume(move, copy), begin(move, copy), follow(move, copy), switchOver(move, copy),
            endHelper(move, copy),
            OwnershipStep(world: world, host: move.host, machine: move.id).make("own", add: move.to, remove: move.from, onlyIfOwned: true),
            deleteOld(move),
        ]
    }

    private func check(_ move: DiskMove) -> JobStep {
        DeviceSteps(world: world, host: move.host, machine: move.id).check { [world] host, seen in
            guard let disk = seen.disk(move.target) else { throw DiskRules.unknown(move.target, seen) }
            guard world.fleet.volume(of: disk, on: host.name) == move.from else {
                throw JobFailure("disk.changed", category: "conflict", detail: "disk '\(move.target)' is not '\(move.from)' any more")
            }
            if seen.state.isActive, seen.live?.disk(move.target)?.path != seen.defined.disk(move.target)?.path {
                throw ServiceError(
                    "disk.pending", .state, "disk '\(move.target)' will be another one at the next boot: that one cannot be moved now",
                    hints: ["stop the machine first"])
            }
            if seen.state.isActive, try await host.connection.blockJob(move.id, target: move.target) != nil {
                throw ServiceError("disk.busy", .conflict, "another tool copies disk '\(move.target)' or merges its layers")
            }
            try await DiskCopy(world: world, move: move).requireSpace(host)
        }
    }

    /// Taken away again only while nobody has been switched over to it.
    private func makeVolume(_ move: DiskMove, _ copy: DiskCopy) -> JobStep {
        let made = VolumeSteps(world: world, host: move.host).make("volume", move.to, isOurName: true) { _ in
            VolumeSpec(reference: move.to, format: move.format, capacityBytes: move.capacityBytes)
        }
        return JobStep(
            made.name, made.stepClass, probe: made.probe, act: made.act,
            undo: { [world] context in
                let host = try world.host(move.host)
                guard try await copy.isSwitched(host) == false else { throw Self.switched(move) }
                try await made.undo?(context)
            })
    }

    private static func switched(_ move: DiskMove) -> JobFailure {
        JobFailure(
            "disk.switched", category: "attention", detail: "disk '\(move.target)' stands on volume '\(move.to)' already: it is not deleted"
        )
    }

    private func begin(_ move: DiskMove, _ copy: DiskCopy) -> JobStep {
        let begun = Begun()
        return JobStep(
            "begin-copy", .ensure,
            probe: { [world] _ in
                try await world.probe(move.host) { host in
                    if try await copy.isSwitched(host) { return .done }
                    if try await copy.job(host) != nil { return .done }
                    // Even the copy of an empty disk stays until it is switched over to: what is gone already never got under way.
                    if let wasActive = begun.take() { throw try await copy.lost(host, wasActive: wasActive) }
                    return try await host.connection.machine(move.helper) == nil ? .absent : .partial
                }
            },
            act: { [world] _ in
                let host = try world.host(move.host)
                let isActive = try await copy.look(host).state.isActive
                try await copy.begin(host)
                begun.note(isActive)
            },
            undo: { [world] _ in
                let host = try world.host(move.host)
                guard try await copy.isSwitched(host) == false else { throw Self.switched(move) }
                try await copy.abandon(host)
            })
    }

    /// Whether the machine was on when its copy was begun; nil once that was asked.
    private final class Begun: Sendable {
        private let wasActive = Mutex<Bool?>(nil)
        func note(_ isActive: Bool) { wasActive.withLock { $0 = isActive } }
        func take() -> Bool? {
            wasActive.withLock { wasActive in
                defer { wasActive = nil }
                return wasActive
            }
        }
    }

    /// Only waits, so that a daemon that stops leaves the copy to go on by itself, and finds it again.
    private func follow(_ move: DiskMove, _ copy: DiskCopy) -> JobStep {
        JobStep(
            "copy", .pure,
            probe: { [world] _ in
                try await world.probe(move.host) { host in
                    if try await copy.isSwitched(host) { return .done }
                    return try await copy.job(host)?.isReady == true ? .done : .absent
                }
            },
            act: { [world] context in try await copy.bringInStep(try world.host(move.host), context) })
    }

    /// The running machine goes on with the copy, or the definition of one that is off names it.
    private func switchOver(_ move: DiskMove, _ copy: DiskCopy) -> JobStep {
        JobStep(
            "switch", .ensure, isPointOfNoReturn: true, refusesCancel: true,
            probe: { [world] _ in
                try await world.probe(move.host) { host in
                    let seen = try await copy.look(host)
                    let path = try await copy.destination(host).path
                    let isOver = [seen.live, seen.defined].compactMap { $0 }.allSatisfy { $0.disk(move.target)?.path == path }
                    guard try await copy.isSwitched(host) else { return .absent }
                    guard isOver else { return .partial }
                    return .done((seen.state.isActive ? Applied.live : .definition).observed("disk"))
                }
            },
            act: { [world] context in try await copy.switchOver(try world.host(move.host), context) })
    }

    /// A helper that stays holds the copy open, and the machine cannot start: whatever goes wrong is tried again.
    private func endHelper(_ move: DiskMove, _ copy: DiskCopy) -> JobStep {
        JobStep(
            "end-helper", .ensure,
            probe: { [world] _ in
                try await world.probe(move.host) { host in try await host.connection.machine(move.helper) == nil ? .done : .absent }
            },
            act: { [world] _ in
                do {
                    try await copy.endHelper(try world.host(move.host))
                } catch {
                    var failure = JobFailure.from(error)
                    failure.isTransient = true
                    throw failure
                }
            })
    }

    /// The old volume goes, unless others stand on it or use it.
    private func deleteOld(_ move: DiskMove) -> JobStep {
        let delete = VolumeSteps(world: world, host: move.host).delete("delete-old", move.from, of: move.id)
        return JobStep(
            delete.name, delete.stepClass,
            probe: { [world] _ in
                try await world.probe(move.host) { host in
                    guard try await host.refresh(move.from) != nil else { return .done(["kept": false]) }
                    let users = try await users(of: move, host)
                    return users.isEmpty ? .absent : .done(["kept": true, "used_by": .array(users.map(JSONValue.string))])
                }
            }, act: delete.act)
    }

    private func users(of move: DiskMove, _ host: ManagedHost) async throws -> [String] {
        // What was the machine's own has a name of ours; what was only attached may be anybody's base.
        let isOwned = world.fleet.lastSeen(move.id, on: host.name)?.metadata?.ownedVolumes.contains(move.to) == true
        if isOwned { try await host.refreshVolumes(of: [move.from.pool]) } else { try await host.refreshForDeletion(of: [move.from.pool]) }
        guard let old = world.fleet.lastSeen(move.from, on: host.name) else { return [] }
        let use = VolumeUse(fleet: world.fleet, host: host.name)
        // Its own machine too: a foreign start may have brought it back onto the old volume.
        return use.users(of: move.from, path: old.path).map { "VM '\($0.name)'" }
            + use.children(ofPath: old.path).map { "volume '\($0)'" } + use.unreadable.map { "VM '\($0.name)' (maybe)" }
    }

    package func result(_ context: StepContext) async throws -> JSONValue? {
        guard let move = DiskMove(json: context.arguments) else { return nil }
        let old = context.observed["delete-old"]
        let told: JSONValue = [
            "target": .string(move.target), "from": move.from.json, "to": move.to.json, "flattened": .bool(move.isFlattened),
            "old_volume_kept": old?["kept"] ?? false,
        ]
        return try await DeviceResult(world: world, host: move.host, machine: move.id).json(context, [("disk", told)])
    }
}
