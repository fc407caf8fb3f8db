internal import Hypervisor
package import JSON
package import JobQueue

/// `upload.begin`: the volume of a resumable upload, empty, under its final name; what it replaces goes first.
package struct UploadBeginJob: JobKind {
    package let name = "upload.begin"
    let world: JobWorld

    package init(_ world: JobWorld) { self.world = world }

    package func steps(_ arguments: JSONValue) throws(JobFailure) -> [JobStep] {
        guard let target = VolumeTarget(json: arguments), let upload = target.upload, let total = target.bytes else {
            throw unreadableArguments(name)
        }
        let steps = VolumeSteps(world: world, host: target.host)
        let first = target.replace ? steps.delete("remove-old", target.volume) : steps.requireAbsent(target.volume)
        let make = steps.make("create", target.volume, isOurName: false) { _ in
            VolumeSpec(reference: target.volume, format: "raw", capacityBytes: total)
        }
        return [unlessMade(first, upload), unlessMade(make, upload), mark(upload)]
    }

    /// A daemon that died may have left a job of this kind that did it meanwhile.
    private func unlessMade(_ step: JobStep, _ upload: JobID) -> JobStep {
        @Sendable func isMade() throws -> Bool {
            guard let record = try world.uploads.record(upload) else { throw Self.gone }
            return record.isMade
        }
        return JobStep(
            step.name, step.stepClass,
            probe: { context in
                // An upload that is gone makes nothing more; what was made before is taken away again.
                if (try? isMade()) == true { return .done(["made": true]) }
                return try await step.probe(context)
            },
            act: { context in
                if try !isMade() { try await step.act(context) }
            }, undo: step.undo)
    }

    private func mark(_ upload: JobID) -> JobStep {
        JobStep(
            "mark", .ensure,
            probe: { [world] _ in try world.uploads.record(upload)?.isMade == true ? .done : .absent },
            act: { [world] _ in
                guard try await world.uploads.set(made: true, of: upload) else { throw Self.gone }
            },
            undo: { [world] _ in _ = try await world.uploads.set(made: false, of: upload) })
    }

    private static var gone: JobFailure {
        JobFailure("upload.gone", category: "conflict", detail: "the upload was deleted meanwhile", hints: ["begin it anew, with byte 0"])
    }
}
