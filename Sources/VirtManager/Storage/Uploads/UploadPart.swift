internal import Hypervisor
internal import JSON
internal import JobQueue
internal import Platform

/// One request's part of a resumable upload: takes what comes into the database (the first 2 MiB) or into the volume, and
/// keeps count of what is safe there.
///
/// The count is raised only after the host has said that it took the bytes, so that whoever reads it after any death of
/// the daemon may go on from there.
struct UploadPart {
    let storage: StorageService
    let host: ManagedHost
    let body: PartReader
    let mutation: Mutation
    let now: @Sendable () -> Timestamp

    /// So much is sent before the host is asked to confirm it.
    static let stretch: Int64 = 64 << 20
    private static let piece = 1 << 20

    private var uploads: UploadStore { storage.uploads }

    /// Takes all that comes. The record says how far it is then, also after an error.
    func receive(_ upload: inout UploadRecord) async throws {
        if !upload.isMade {
            try await receiveHead(&upload)
            guard upload.offset == upload.headBytes else { return }
            try await judge(upload)
            try await make(&upload)
        }
        try await receiveRest(&upload)
    }

    // MARK: The head

    private func receiveHead(_ upload: inout UploadRecord) async throws {
        guard upload.offset < upload.headBytes else { return }
        var head = try uploads.head(upload.id)
        var cut: (any Error)?
        do {
            while Int64(head.count) < upload.headBytes {
                guard let piece = try await body.next(atMost: Int(upload.headBytes) - head.count) else { break }
                head += piece
            }
        } catch {
            cut = error
        }
        let (id, bytes, time) = (upload.id, head, now())
        guard try await uninterrupted({ [uploads] in try await uploads.keep(head: bytes, of: id, at: time) }) else {
            throw Self.gone(upload)
        }
        upload.offset = Int64(head.count)
        upload.touchedAt = time
        if let cut { throw Self.cut(cut) }
    }

    /// Before anything is made for it. A refused one is forgotten.
    private func judge(_ upload: UploadRecord) async throws {
        let head = try uploads.head(upload.id)
        var inspector = ImageInspector(stated: upload.format.flatMap(ImageFormat.init(rawValue:)), expectedBytes: upload.total)
        do throws(ImageRefusal) {
            _ = try inspector.feed(head)
            if Int64(head.count) == upload.total { _ = try inspector.finish() }
        } catch {
            try await uploads.delete(upload)
            throw IncomingUpload.refused(error)
        }
        let pool = try storage.pool(upload.volume.pool, host: upload.host.text)
        do { try storage.requireTaken(inspector.format, in: pool) } catch {
            try await uploads.delete(upload)
            throw error
        }
    }

    /// Has a job make the volume, under the locks that others look at.
    private func make(_ upload: inout UploadRecord) async throws {
        var job = try storage.desk.engine.job(upload.begin)
        if let earlier = job, earlier.state.isTerminal, earlier.state != .succeeded {
            upload.begin = try storage.desk.newID()
            guard try await uploads.set(begin: upload.begin, of: upload.id) else { throw Self.gone(upload) }
            job = nil
        }
        guard storage.inbox.mayGoOn(upload.id) else { throw Self.gone(upload) }
        var begun: Job
        if let job { begun = job } else { begun = try await storage.enqueueBegin(upload, mutation) }
        while !begun.state.endsWaits {
            try Task.checkCancellation()
            // A deletion that came first has the lock for which that job waits, and waits for us.
            guard storage.inbox.mayGoOn(upload.id) else { throw Self.gone(upload) }
            guard let seen = try await storage.desk.engine.wait(begun.id, limit: .milliseconds(500)) else { throw Self.gone(upload) }
            begun = seen
        }
        guard begun.state == .succeeded else {
            let failure = begun.failure ?? .cancelled
            if !failure.isTransient, begun.state.isTerminal { try await uploads.delete(upload) }
            throw ServiceError(failure, job: begun.id)
        }
        guard try uploads.record(upload.id)?.isMade == true else { throw Self.gone(upload) }
        upload.isMade = true
    }

    // MARK: The rest

    private func receiveRest(_ upload: inout UploadRecord) async throws {
        while upload.offset < upload.total, !body.isAtEnd {
            guard let first = try await Self.orCut({ try await body.next(atMost: Self.piece) }) else { return }
            try await storage.requireRoom(forRestOf: upload, on: host)
            try await receiveStretch(&upload, first)
        }
    }

    /// One stretch into the volume, confirmed by the host, then counted.
    private func receiveStretch(_ upload: inout UploadRecord, _ first: [UInt8]) async throws {
        var position = upload.offset
        var cut: (any Error)?
        do {
            let sink = try await host.connection.openUpload(upload.volume, offset: upload.offset, length: nil)
            do {
                var piece: [UInt8]? = first
                while let bytes = piece {
                    try await sink.write(bytes)
                    position += Int64(bytes.count)
                    let left = min(Self.stretch - (position - upload.offset), upload.total - position)
                    guard left > 0, storage.inbox.mayGoOn(upload.id) else { break }
                    do { piece = try await body.next(atMost: Int(min(Int64(Self.piece), left))) } catch {
                        cut = error
                        break
                    }
                }
                try await uninterrupted { try await sink.finish() }
            } catch {
                await sink.abort()
                throw error
            }
        } catch let error as HypervisorError {
            throw await storage.told(error, upload)
        }
        let (id, end, time) = (upload.id, position, now())
        guard try await uninterrupted({ [uploads] in try await uploads.advance(id, to: end, at: time) }) else { throw Self.gone(upload) }
        upload.offset = position
        upload.touchedAt = time
        if let cut { throw Self.cut(cut) }
        guard storage.inbox.mayGoOn(upload.id) else { throw Self.gone(upload) }
    }

    // MARK: Errors

    private static func orCut<Value>(_ read: () async throws -> Value) async throws -> Value {
        do { return try await read() } catch { throw cut(error) }
    }

    private static func cut(_ error: any Error) -> ServiceError {
        ServiceError(
            "upload.cut", .temporary, "the request ended before all of its part had come; what came is kept", isRetryable: true,
            hints: ["HEAD …/content tells where to go on"])
    }

    static func gone(_ upload: UploadRecord) -> ServiceError {
        ServiceError(
            "upload.gone", .conflict, "the upload of volume '\(upload.volume)' was deleted meanwhile", hints: ["begin it anew, with byte 0"]
        )
    }
}

/// Runs to its end what must not be given up half-way because the caller went away: a confirmation, and its record.
func uninterrupted<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) async throws -> Value {
    try await Task { try await work() }.value
}
