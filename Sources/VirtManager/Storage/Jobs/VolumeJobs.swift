package import Hypervisor
package import JSON
package import JobQueue

/// The arguments of the jobs on one volume.
package struct VolumeTarget: Sendable, Equatable {
    package var host: HostName
    package var volume: VolumeReference
    package var format = "qcow2"
    package var bytes: Int64?
    package var backing: VolumeReference?
    package var sha256: String?
    package var replace = false

    package init(host: HostName, volume: VolumeReference) {
        self.host = host
        self.volume = volume
    }

    package var json: JSONValue {
        [
            "host": .string(host.text), "volume": volume.json, "format": .string(format), "bytes": bytes.map(JSONValue.integer) ?? .null,
            "backing": backing?.json ?? .null, "sha256": sha256.map(JSONValue.string) ?? .null, "replace": .bool(replace),
        ]
    }

    package init?(json: JSONValue) {
        guard let object = json.objectValue, let host = object["host"]?.stringValue, let volume = VolumeReference(json: object["volume"])
        else { return nil }
        self.init(host: HostName(host), volume: volume)
        format = object["format"]?.stringValue ?? format
        bytes = object["bytes"]?.integerValue
        backing = VolumeReference(json: object["backing"])
        sha256 = object["sha256"]?.stringValue
        replace = object["replace"]?.boolValue ?? false
    }

    /// What jobs on a volume answer.
    var result: JSONValue {
        [
            "volumes": [
                [
                    "pool": .string(volume.pool), "name": .string(volume.volume), "host": .string(host.text),
                    "href": .string(VolumeState.path(volume)),
                ]
            ]
        ]
    }
}

/// `volume.create`: a new, empty volume, or an overlay on another.
package struct VolumeCreateJob: JobKind {
    package let name = "volume.create"
    let world: JobWorld

    package init(_ world: JobWorld) { self.world = world }

    package func steps(_ arguments: JSONValue) throws(JobFailure) -> [JobStep] {
        guard let target = VolumeTarget(json: arguments) else { throw unreadableArguments(name) }
        let steps = VolumeSteps(world: world, host: target.host)
        return [
            steps.requireAbsent(target.volume),
            steps.make("create", target.volume, isOurName: false) { [world] host in
                var backing: VolumeSpec.Backing?
                var bytes = target.bytes
                if let wanted = target.backing {
                    guard let base = try await world.volume(wanted, on: host) else {
                        throw JobFailure("volume.not_found", category: "not_found", detail: "volume '\(wanted)' is gone")
                    }
                    if let writer = VolumeUse(fleet: world.fleet, host: host.name).writers(of: wanted, path: base.path).first {
                        throw JobFailure(
                            "volume.in_use", category: "conflict", detail: "volume '\(wanted)' is written to by VM '\(writer.name)'")
                    }
                    backing = .init(path: wanted.pool == target.volume.pool ? wanted.volume : base.path, format: base.format)
                    bytes = bytes ?? base.capacityBytes
                }
                return VolumeSpec(reference: target.volume, format: target.format, capacityBytes: bytes, backing: backing)
            },
        ]
    }

    package func result(_ context: StepContext) async throws -> JSONValue? { VolumeTarget(json: context.arguments)?.result }
}

/// `volume.delete`: refused while anything uses it. Forward only.
package struct VolumeDeleteJob: JobKind {
    package let name = "volume.delete"
    package let isUndoable = false
    let world: JobWorld

    package init(_ world: JobWorld) { self.world = world }

    package func steps(_ arguments: JSONValue) throws(JobFailure) -> [JobStep] {
        guard let target = VolumeTarget(json: arguments) else { throw unreadableArguments(name) }
        return [VolumeSteps(world: world, host: target.host).delete("delete", target.volume)]
    }
}

/// `volume.upload`: bytes from a caller become a volume. It is there for others only once it is whole, of the stated
/// format and digest; a cut, a refusal, or the end of the daemon takes it away again.
package struct VolumeUploadJob: JobKind {
    package let name = "volume.upload"
    let world: JobWorld
    let inbox: UploadInbox

    init(_ world: JobWorld, inbox: UploadInbox) {
        self.world = world
        self.inbox = inbox
    }

    package func steps(_ arguments: JSONValue) throws(JobFailure) -> [JobStep] {
        guard let target = VolumeTarget(json: arguments) else { throw unreadableArguments(name) }
        let steps = VolumeSteps(world: world, host: target.host)
        return [
            target.replace ? removeOld(target, steps) : steps.requireAbsent(target.volume),
            steps.make("create", target.volume, isOurName: false) { _ in
                VolumeSpec(reference: target.volume, format: "raw", capacityBytes: target.bytes ?? 0)
            },
            receive(target),
            publish(target),
        ]
    }

    /// The old volume goes only while there is something to put in its place.
    private func removeOld(_ target: VolumeTarget, _ steps: VolumeSteps) -> JobStep {
        let delete = steps.delete("remove-old", target.volume)
        return JobStep(
            delete.name, delete.stepClass, probe: delete.probe,
            act: { [inbox] context in
                guard inbox[context.job] != nil else { throw Self.interrupted }
                try Task.checkCancellation()
                try await delete.act(context)
            })
    }

    private static var interrupted: JobFailure {
        JobFailure(
            "upload.interrupted", category: "temporary", detail: "the daemon ended while the upload was on its way; nothing is kept",
            isRetryable: true, hints: ["send it again"])
    }

    private func receive(_ target: VolumeTarget) -> JobStep {
        JobStep(
            "receive", .probeable,
            probe: { [inbox] context in inbox[context.job]?.delivered.map { .done($0) } ?? .absent },
            act: { [world, inbox] context in
                guard let upload = inbox[context.job] else { throw Self.interrupted }
                let host = try world.host(target.host)
                let sink = try await host.connection.openUpload(target.volume, offset: 0, length: nil)
                do {
                    var done: Int64 = 0
                    while let piece = try await upload.next() {
                        try Task.checkCancellation()
                        try await sink.write(piece)
                        done += Int64(piece.count)
                        context.progress(done: done, total: target.bytes)
                    }
                    try await sink.finish()
                    try check(upload.report, target)
                    upload.markDelivered()
                } catch {
                    await sink.abort()
                    inbox.remove(context.job)
                    throw Self.final(error, target)
                }
            })
    }

    /// What was read from the caller cannot be read again: there is no second try, and the first cause is the one to tell.
    private static func final(_ error: any Error, _ target: VolumeTarget) -> any Error {
        if error is CancellationError { return error }
        var failure = JobFailure.from(error)
        failure.isTransient = false
        if target.replace { failure.detail += "; the volume it was to replace had been deleted before" }
        return failure
    }

    private func check(_ report: JSONValue?, _ target: VolumeTarget) throws {
        guard let wanted = target.sha256, let found = report?.objectValue?["sha256"]?.stringValue, found != wanted else { return }
        throw ServiceError(
            "upload.sha256_mismatch", .invalid, "the bytes that came have the SHA-256 \(found), not \(wanted); nothing is kept",
            problems: [FieldProblem(pointer: "sha256", detail: "does not match what came (\(found))", value: .string(wanted))])
    }

    private func publish(_ target: VolumeTarget) -> JobStep {
        JobStep(
            "publish", .ensure, isPointOfNoReturn: true,
            probe: { [world] context in
                let report = context.observed["receive"]?.objectValue
                let record = try world.volumes.record(target.volume, on: target.host)
                guard let record, record.sha256 == report?["sha256"]?.stringValue else { return .absent }
                return try await world.probe(target.host) { host in try await host.refresh(target.volume) == nil ? .absent : .done }
            },
            act: { [world, inbox] context in
                inbox.remove(context.job)
                guard let report = context.observed["receive"]?.objectValue, let format = report["format"]?.stringValue,
                    let sha256 = report["sha256"]?.stringValue
                else { throw JobFailure("internal", category: "internal", detail: "the report of the upload is missing") }
                let host = try world.host(target.host)
                // The host made a raw volume; only a fresh look at the directory shows what lies in it now.
                try await host.connection.refreshPool(target.volume.pool)
                guard let seen = try await host.refresh(target.volume) else {
                    throw JobFailure(
                        "volume.not_found", category: "not_found", detail: "volume '\(target.volume)' went away during its upload")
                }
                guard (seen.format == "qcow2") == (format == "qcow2"), format != "qcow2" || seen.backingPath == nil else {
                    throw JobFailure(
                        "image.format_mismatch", category: "invalid",
                        detail: "the host sees the volume as '\(seen.format)', what came was judged '\(format)'")
                }
                try await world.volumes.write(
                    .init(format: format, sha256: sha256), bytes: report["file_bytes"]?.integerValue ?? 0, job: context.job.text,
                    target.volume,
                    on: target.host)
            },
            undo: { [world] _ in try await world.volumes.delete(target.volume, on: target.host) })
    }

    package func result(_ context: StepContext) async throws -> JSONValue? { VolumeTarget(json: context.arguments)?.result }
}
