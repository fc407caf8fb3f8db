internal import Hypervisor
internal import JSON
internal import JobQueue
internal import Platform

/// The steps that make a volume of a resumable upload of which all has come: read it back, write the first bytes, which
/// were held back until now, and let others have it. A failure leaves the upload as it was, to be finished by another try;
/// only a volume that is not what was promised goes.
struct UploadEnding {
    let world: JobWorld
    let target: VolumeTarget
    let upload: JobID

    private func record() throws -> UploadRecord {
        guard let record = try world.uploads.record(upload) else {
            throw JobFailure(
                "upload.gone", category: "conflict", detail: "the upload of volume '\(target.volume)' was deleted meanwhile",
                hints: ["begin it anew, with byte 0"])
        }
        return record
    }

    // MARK: Verify

    /// Digest and format of all bytes, the held ones and those that lie in the volume.
    func verify() -> JobStep {
        JobStep(
            "verify", .ensure,
            probe: { [world, upload] _ in
                guard let text = try world.uploads.report(upload), let report = try? JSONReader.parse(Array(text.utf8)),
                    report["refused"] == nil
                else { return .absent }
                return .done(report)
            },
            act: { context in
                let record = try record()
                if let text = try world.uploads.report(upload), let failure = Self.refusal(in: text) { try await discard(record, failure) }
                do {
                    try await keep(JSONWriter.encode(try await read(record, context)))
                } catch let error as ServiceError where error.category == .invalid {
                    // Written down first, so that after a death it ends the same way.
                    let refused: JSONValue = ["refused": ["code": .string(error.code), "detail": .string(error.detail)]]
                    try await keep(JSONWriter.encode(refused))
                    try await discard(record, error)
                }
            })
    }

    private func keep(_ report: [UInt8]) async throws {
        _ = try await world.uploads.write(report: String(decoding: report, as: UTF8.self), of: upload)
    }

    private static func refusal(in report: String) -> ServiceError? {
        guard let refused = (try? JSONReader.parse(Array(report.utf8)))?["refused"], let code = refused["code"]?.stringValue else {
            return nil
        }
        return ServiceError(code, .invalid, refused["detail"]?.stringValue ?? "")
    }

    /// It can never become what was asked for: nothing of it is kept.
    private func discard(_ record: UploadRecord, _ failure: ServiceError) async throws -> Never {
        let host = try world.host(target.host)
        do {
            try await host.connection.deleteVolume(target.volume)
        } catch {
            // A death may have come between.
            guard error.code == .volumeNotFound else { throw error }
        }
        try await host.refresh(target.volume)
        try await world.volumes.delete(target.volume, on: host.name)
        try await world.uploads.delete(record)
        throw failure
    }

    private func read(_ record: UploadRecord, _ context: StepContext) async throws -> JSONValue {
        let head = try world.uploads.head(upload)
        guard record.isWhole, Int64(head.count) == record.headBytes else {
            throw JobFailure("internal", category: "internal", detail: "an upload was to be finished that is not whole")
        }
        let stated = record.format.flatMap(ImageFormat.init(rawValue:))
        var inspector = ImageInspector(stated: stated, expectedBytes: record.total)
        let hash = SHA256()
        let report: ImageReport
        do {
            hash.update(head)
            _ = try inspector.feed(head)
            try await readRest(record, context) { bytes in
                hash.update(bytes)
                _ = try inspector.feed(bytes)
            }
            report = try inspector.finish().report
        } catch let refusal as ImageRefusal {
            throw IncomingUpload.refused(refusal)
        }
        let digest = hash.finish()
        if let wanted = record.sha256, wanted != digest { throw VolumeUploadJob.mismatch(wanted: wanted, found: digest) }
        return IncomingUpload.report(report, sha256: digest)
    }

    private func readRest(_ record: UploadRecord, _ context: StepContext, _ take: ([UInt8]) throws -> Void) async throws {
        let rest = record.total - record.headBytes
        guard rest > 0 else { return }
        let source = try await world.host(target.host).connection.openDownload(target.volume, offset: record.headBytes, length: rest)
        do {
            var done = record.headBytes
            while done < record.total, let bytes = try await source.read() {
                try Task.checkCancellation()
                try take(bytes)
                done += Int64(bytes.count)
                context.progress(done: done, total: record.total)
            }
            guard done == record.total else {
                throw JobFailure(
                    "upload.lost_bytes", category: "state",
                    detail: "volume '\(target.volume)' has \(done) bytes instead of \(record.total): it was changed meanwhile",
                    hints: ["DELETE it and send it again"])
            }
        } catch {
            await source.abort()
            throw error
        }
        await source.abort()
    }

    // MARK: Head

    /// From here on it only goes forward: the bytes are there.
    func writeHead() -> JobStep {
        JobStep(
            "head", .ensure, isPointOfNoReturn: true, refusesCancel: true,
            probe: { [world, target, upload] _ in
                let head = try world.uploads.head(upload)
                return try await world.probe(target.host) { host in
                    try await Self.starts(target.volume, with: head, on: host) ? .done : .absent
                }
            },
            act: { [world, target, upload] _ in
                let head = try world.uploads.head(upload)
                let sink = try await world.host(target.host).connection.openUpload(target.volume, offset: 0, length: Int64(head.count))
                do {
                    try await sink.write(head)
                    try await sink.finish()
                } catch {
                    await sink.abort()
                    throw error
                }
            })
    }

    private static func starts(_ volume: VolumeReference, with head: [UInt8], on host: ManagedHost) async throws -> Bool {
        let source = try await host.connection.openDownload(volume, offset: 0, length: Int64(head.count))
        var found: [UInt8] = []
        do {
            while found.count < head.count, let bytes = try await source.read() { found += bytes }
        } catch {
            await source.abort()
            throw error
        }
        await source.abort()
        return found == head
    }
}
