internal import Hypervisor
package import JSON
package import JobQueue

/// `volume.upload`: bytes from a caller become a volume. It is there for others only once it is whole, of the stated
/// format and digest. Sent in one piece, a cut, a refusal, or the end of the daemon takes it away again; sent in parts, this
/// is the end of it, when all have come.
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
        if let upload = target.upload {
            let ending = UploadEnding(world: world, target: target, upload: upload)
            return [ending.verify(), ending.writeHead(), publish(target, after: "verify")]
        }
        let steps = VolumeSteps(world: world, host: target.host)
        return [
            target.replace ? removeOld(target, steps) : steps.requireAbsent(target.volume),
            steps.make("create", target.volume, isOurName: false) { _ in
                VolumeSpec(reference: target.volume, format: "raw", capacityBytes: target.bytes ?? 0)
            },
            receive(target),
            publish(target, after: "receive"),
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
                    var looked: Int64 = 0
                    while let piece = try await upload.next() {
                        try Task.checkCancellation()
                        if done - looked >= UploadPart.stretch {
                            looked = done
                            try await requireRoom(target, done, host)
                        }
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
                    throw Self.final(await told(error, target, host), target)
                }
            })
    }

    /// Others fill pools too: whoever sees that the rest cannot fit need not send it.
    private func requireRoom(_ target: VolumeTarget, _ done: Int64, _ host: ManagedHost) async throws {
        guard let total = target.bytes else { return }
        try await host.refreshPools()
        // Elsewhere the volume took all its space when it was made.
        guard let pool = world.fleet.pools(host.name).first(where: { $0.name == target.volume.pool }), PoolType.isDirectory(pool.type)
        else { return }
        if total - done > pool.availableBytes {
            throw StorageService.noRoom(pool.name, wanted: total - done, available: pool.availableBytes, promised: 0)
        }
    }

    /// A full pool is told with its figures.
    private func told(_ error: any Error, _ target: VolumeTarget, _ host: ManagedHost) async -> any Error {
        guard let error = error as? HypervisorError, error.code == .noSpace else { return error }
        try? await host.refreshRoom(in: target.volume.pool)
        let available = world.fleet.pools(host.name).first { $0.name == target.volume.pool }?.availableBytes ?? 0
        var told = StorageService.noRoom(target.volume.pool, wanted: target.bytes, available: available, promised: 0)
        told.native = error.nativeJSON
        return told
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
        throw Self.mismatch(wanted: wanted, found: found)
    }

    static func mismatch(wanted: String, found: String) -> ServiceError {
        ServiceError(
            "upload.sha256_mismatch", .invalid, "the bytes that came have the SHA-256 \(found), not \(wanted); nothing is kept",
            problems: [FieldProblem(pointer: "sha256", detail: "does not match what came (\(found))", value: .string(wanted))])
    }

    /// - Parameter step: the one that found out what came.
    private func publish(_ target: VolumeTarget, after step: String) -> JobStep {
        JobStep(
            "publish", .ensure, isPointOfNoReturn: true,
            probe: { [world] context in
                let report = context.observed[step]?.objectValue
                let record = try world.volumes.record(target.volume, on: target.host)
                guard let record, record.sha256 == report?["sha256"]?.stringValue, try isOver(target) else { return .absent }
                return try await world.probe(target.host) { host in try await host.refresh(target.volume) == nil ? .absent : .done }
            },
            act: { [world, inbox] context in
                inbox.remove(context.job)
                guard let report = context.observed[step]?.objectValue, let format = report["format"]?.stringValue,
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
                let record = VolumeStore.Record(format: format, sha256: sha256)
                let bytes = report["file_bytes"]?.integerValue ?? 0
                if let upload = try target.upload.flatMap({ try world.uploads.record($0) }) {
                    try await world.uploads.publish(upload, record, bytes: bytes)
                } else {
                    try await world.volumes.write(record, bytes: bytes, job: context.job.text, target.volume, on: target.host)
                }
            },
            undo: { [world] _ in try await world.volumes.delete(target.volume, on: target.host) })
    }

    private func isOver(_ target: VolumeTarget) throws -> Bool { try target.upload.flatMap { try world.uploads.record($0) } == nil }

    package func result(_ context: StepContext) async throws -> JSONValue? { VolumeTarget(json: context.arguments)?.result }
}
