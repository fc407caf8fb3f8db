internal import Hypervisor
internal import JSON
package import JobQueue
internal import Platform

/// What a request on a resumable upload came to.
package enum PartOutcome: Sendable {
    case unfinished(UploadState)
    /// All has come: this job makes a volume of it.
    case finished(Job)
    case plan(DryRun)
}

extension StorageService {
    /// How far an unfinished upload is; nil if there is none of that name.
    package func unfinishedUpload(pool: String, volume: String, host: String?) throws -> UploadState? {
        let pool = try self.pool(pool, host: host)
        return try uploads.record(VolumeReference(pool: pool.name, volume: volume), on: pool.host).map(UploadState.init)
    }

    /// Takes a part of a resumable upload, begins one with byte 0, or tells how far one is.
    package func uploadPart(
        pool: String, volume: String, host: String?, _ range: UploadRange, _ options: UploadOptions, source: any UploadSource,
        _ mutation: Mutation
    ) async throws -> PartOutcome {
        let pool = try self.pool(pool, host: host)
        let managed = try hosts.require(pool.host)
        try managed.requireOnline()
        let reference = VolumeReference(pool: pool.name, volume: volume)
        guard inbox.claim(reference, on: pool.host) else { throw busy(reference, on: pool.host) }
        defer { inbox.release(reference, on: pool.host) }
        var upload: UploadRecord
        if let known = try uploads.record(reference, on: pool.host) {
            try check(range, options, known)
            upload = known
        } else {
            guard let bytes = range.bytes else {
                throw ServiceError("upload.not_found", .notFound, "there is no unfinished upload of volume '\(reference)'")
            }
            guard bytes.lowerBound == 0 else { throw wrongOffset(reference, 0) }
            let candidate = inbox.enter(reference, on: pool.host, bytes: range.total)
            defer { inbox.leave(candidate) }
            let fresh = try await admit(reference, managed, range, options, candidate, mutation)
            if mutation.dryRun { return .plan(DryRun(steps: ["begin", "receive", "verify", "publish"], bytes: range.total)) }
            try await uploads.insert(fresh)
            upload = fresh
        }
        if mutation.dryRun { return .plan(DryRun(steps: ["receive"], bytes: range.bytes.map { Int64($0.count) } ?? 0)) }
        if let bytes = range.bytes { try await receive(bytes, &upload, managed, source, mutation) }
        return upload.isWhole ? .finished(try await finish(upload, mutation)) : .unfinished(UploadState(upload))
    }

    private func receive(
        _ bytes: ClosedRange<Int64>, _ upload: inout UploadRecord, _ host: ManagedHost, _ source: any UploadSource, _ mutation: Mutation
    ) async throws {
        let announced = bytes.upperBound - bytes.lowerBound + 1
        let reader = PartReader(source, announced: announced)
        inbox.began(upload.id, upload.volume, on: upload.host)
        defer { inbox.ended(upload.id) }
        do {
            try await UploadPart(storage: self, host: host, body: reader, mutation: mutation, now: now).receive(&upload)
        } catch var error as ServiceError {
            error.details["upload_offset"] = .integer(upload.offset)
            throw error
        }
        let isShort = reader.count < announced
        if isShort { throw wrongLength(upload, announced, "\(reader.count) came") }
        if await reader.isTooLong() { throw wrongLength(upload, announced, "more came") }
    }

    /// Enqueues the job that makes a volume of what has come, or joins it.
    func finish(_ upload: UploadRecord, _ mutation: Mutation) async throws -> Job {
        var upload = upload
        if let job = try desk.engine.job(upload.finish) {
            guard job.state == .failed || job.state == .cancelled else { return job }
            upload.finish = try desk.newID()
            guard try await uploads.set(finish: upload.finish, of: upload.id) else { throw UploadPart.gone(upload) }
        }
        var target = VolumeTarget(host: upload.host, volume: upload.volume)
        target.bytes = upload.total
        target.sha256 = upload.sha256
        target.upload = upload.id
        return try await enqueue("volume.upload", target, mutation, id: upload.finish)
    }

    func enqueueBegin(_ upload: UploadRecord, _ mutation: Mutation) async throws -> Job {
        var target = VolumeTarget(host: upload.host, volume: upload.volume)
        target.bytes = upload.total
        target.replace = upload.replace
        target.upload = upload.id
        return try await enqueue("upload.begin", target, Mutation(caller: mutation.caller), id: upload.begin)
    }

    // MARK: Rules

    private func admit(
        _ reference: VolumeReference, _ managed: ManagedHost, _ range: UploadRange, _ options: UploadOptions, _ candidate: Int,
        _ mutation: Mutation
    ) async throws -> UploadRecord {
        var options = options
        options.length = range.total
        try check(options, reference.volume)
        try await requirePool(reference.pool, managed)
        try requireFreePlace(candidate, bytes: range.total)
        var target = VolumeTarget(host: managed.name, volume: reference)
        target.replace = try await mayReplace(target, managed, options)
        try await requireRoom(for: range.total, in: reference.pool, on: managed, candidate: candidate)
        return UploadRecord(
            id: try desk.newID(), begin: try desk.newID(), finish: try desk.newID(), host: managed.name, volume: reference,
            total: range.total, offset: 0,
            format: options.format, sha256: options.sha256?.lowercased(), replace: target.replace, isMade: false,
            requestor: mutation.caller.requestor, touchedAt: now())
    }

    private func check(_ range: UploadRange, _ options: UploadOptions, _ upload: UploadRecord) throws {
        var differences: [String] = []
        if range.total != upload.total { differences.append("the total is \(upload.total) bytes, not \(range.total)") }
        if let format = options.format, format != upload.format {
            differences.append("the format was \(upload.format.map { "stated as '\($0)'" } ?? "not stated")")
        }
        if let digest = options.sha256?.lowercased(), digest != upload.sha256 {
            differences.append("the SHA-256 was \(upload.sha256 ?? "not stated")")
        }
        guard differences.isEmpty else {
            var error = ServiceError(
                "upload.differs", .conflict,
                "an unfinished upload of volume '\(upload.volume)' is there, and \(differences.joined(separator: ", "))",
                hints: [
                    upload.replace && !upload.isMade
                        ? "DELETE of the volume ends it, and deletes the volume that it was to replace" : "DELETE the volume to begin anew"
                ])
            error.details["upload_offset"] = .integer(upload.offset)
            throw error
        }
        if let first = range.bytes?.lowerBound, first != upload.offset { throw wrongOffset(upload.volume, upload.offset) }
    }

    private func wrongOffset(_ volume: VolumeReference, _ offset: Int64) -> ServiceError {
        ServiceError(
            "upload.wrong_offset", .conflict, "the upload of volume '\(volume)' goes on with byte \(offset)", isRetryable: true,
            hints: ["send Content-Range: bytes \(offset)-…"], details: JSONObject([("upload_offset", .integer(offset))]))
    }

    private func wrongLength(_ upload: UploadRecord, _ announced: Int64, _ what: String) -> ServiceError {
        ServiceError(
            "upload.wrong_length", .malformed, "Content-Range announced \(announced) bytes, and \(what)",
            details: JSONObject([("upload_offset", .integer(upload.offset))]))
    }

    private func busy(_ volume: VolumeReference, on host: HostName) -> ServiceError {
        var error = ServiceError(
            "upload.busy", .conflict, "another request is writing to the upload of volume '\(volume)'", isRetryable: true,
            hints: ["HEAD …/content tells how far it is"])
        if let upload = try? uploads.record(volume, on: host) { error.details["upload_offset"] = .integer(upload.offset) }
        return error
    }
}
