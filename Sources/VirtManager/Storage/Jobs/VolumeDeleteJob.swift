internal import Hypervisor
package import JSON
package import JobQueue

/// `volume.delete`: refused while anything uses it; an unfinished upload goes with it. Forward only.
package struct VolumeDeleteJob: JobKind {
    package let name = "volume.delete"
    package let isUndoable = false
    let world: JobWorld
    let inbox: UploadInbox

    init(_ world: JobWorld, inbox: UploadInbox) {
        self.world = world
        self.inbox = inbox
    }

    package func steps(_ arguments: JSONValue) throws(JobFailure) -> [JobStep] {
        guard let target = VolumeTarget(json: arguments) else { throw unreadableArguments(name) }
        let delete = VolumeSteps(world: world, host: target.host).delete("delete", target.volume)
        guard let upload = target.upload else { return [delete] }
        return [unfinished(delete, target, upload), forget(target, upload)]
    }

    /// Whether nothing of the upload lies in the pool. What has its name then was there before it, or is somebody else's: it
    /// goes only if its deletion was asked for.
    private func isSpared(_ target: VolumeTarget, _ upload: JobID) throws -> Bool {
        try target.ifUnfinished && world.uploads.record(upload)?.isMade != true
    }

    /// The volume, once nobody writes to it any more.
    private func unfinished(_ delete: JobStep, _ target: VolumeTarget, _ upload: JobID) -> JobStep {
        JobStep(
            delete.name, delete.stepClass,
            probe: { context in try isSpared(target, upload) ? .done : try await delete.probe(context) },
            act: { [world, inbox] context in
                while !inbox.stop(target.volume, on: target.host) { try await world.clock.sleep(for: .milliseconds(20)) }
                defer { inbox.letAgain(target.volume, on: target.host) }
                if try !isSpared(target, upload) { try await delete.act(context) }
            })
    }

    private func forget(_ target: VolumeTarget, _ upload: JobID) -> JobStep {
        JobStep(
            "forget", .ensure,
            probe: { [world] _ in try world.uploads.record(upload) == nil ? .done : .absent },
            act: { [world] _ in
                if let record = try world.uploads.record(upload) { try await world.uploads.delete(record) }
            })
    }
}
