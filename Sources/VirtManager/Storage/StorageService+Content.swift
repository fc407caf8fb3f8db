package import Hypervisor
internal import JSON
internal import JobQueue
internal import Platform

/// How an upload was asked for.
package struct UploadOptions: Sendable, Equatable {
    /// `raw` or `qcow2`; nil: told from the header.
    package var format: String?
    /// 64 hexadecimal digits that the bytes must hash to.
    package var sha256: String?
    package var replace: Bool
    /// Announced length in bytes.
    package var length: Int64?

    package init(format: String? = nil, sha256: String? = nil, replace: Bool = false, length: Int64? = nil) {
        self.format = format
        self.sha256 = sha256
        self.replace = replace
        self.length = length
    }
}

/// The bytes of a volume's file, to be read in pieces.
package struct VolumeContent: Sendable {
    package let size: Int64
    let connection: any HostConnection
    let reference: VolumeReference

    package func open(offset: Int64, length: Int64?) async throws(ServiceError) -> any VolumeDownload {
        do { return try await connection.openDownload(reference, offset: offset, length: length) } catch { throw error.serviceError }
    }
}

extension StorageService {
    /// Takes bytes into a new volume. The header is judged before a job exists; the job that is answered reads the rest of
    /// `source`, so the caller must keep it open until that job has ended.
    package func upload(
        pool: String, volume: String, host: String?, _ options: UploadOptions, source: any UploadSource, _ mutation: Mutation
    ) async throws -> Outcome<VolumeState> {
        var pool = try self.pool(pool, host: host)
        let managed = try hosts.require(pool.host)
        try managed.requireOnline()
        pool = try await requirePool(pool.name, managed)
        var target = VolumeTarget(host: pool.host, volume: VolumeReference(pool: pool.name, volume: volume))
        target.bytes = options.length
        target.sha256 = options.sha256?.lowercased()
        try check(options, volume)
        try refuseUnfinished(target)
        let candidate = inbox.enter(target.volume, on: pool.host, bytes: options.length)
        defer { inbox.leave(candidate) }
        try requireFreePlace(candidate, bytes: options.length)
        target.replace = try await mayReplace(target, managed, options)
        try await requireRoom(for: options.length ?? 0, in: pool.name, on: managed, candidate: candidate)
        if mutation.dryRun {
            let steps = try desk.engine.kind("volume.upload")?.steps(target.json) ?? []
            return .plan(DryRun(steps: steps.map(\.name), bytes: options.length ?? 0))
        }
        let incoming = IncomingUpload(
            source: source,
            inspector: ImageInspector(stated: options.format.flatMap(ImageFormat.init(rawValue:)), expectedBytes: options.length),
            host: pool.host, pool: pool.name, announced: options.length, limits: limits)
        try await incoming.readHeader()
        try requireTaken(incoming.format, in: pool)
        let id = try desk.newID()
        inbox.put(incoming, for: id)
        inbox.leave(candidate)
        do {
            let job = try await enqueue("volume.upload", target, mutation, id: id)
            if job.id != id { inbox.remove(id) }
            return .job(job)
        } catch {
            inbox.remove(id)
            throw error
        }
    }

    func check(_ options: UploadOptions, _ volume: String) throws {
        var problems: [FieldProblem] = []
        if !NameRules.isObjectName(volume) {
            problems.append(
                FieldProblem(pointer: "volume", detail: "is not a valid name", value: .string(volume), allowed: [NameRules.object]))
        }
        if let format = options.format, ImageFormat(rawValue: format) == nil {
            problems.append(
                FieldProblem(pointer: "format", detail: "is not a format taken here", value: .string(format), allowed: ["raw", "qcow2"]))
        }
        if let digest = options.sha256,
            digest.utf8.count != 64
                || !digest.utf8.allSatisfy({ byte in
                    (48...57).contains(byte) || (97...102).contains(byte | 32) && byte >= 65
                })
        {
            problems.append(
                FieldProblem(pointer: "sha256", detail: "is not a SHA-256", value: .string(digest), allowed: ["64 hexadecimal digits"]))
        }
        if options.length == 0 { problems.append(FieldProblem(pointer: "content-length", detail: "the image is empty", value: 0)) }
        guard problems.isEmpty else { throw ServiceError.invalid(problems) }
    }

    /// Whether there is an old volume to be replaced; refuses one that is in use or must stay.
    func mayReplace(_ target: VolumeTarget, _ managed: ManagedHost, _ options: UploadOptions) async throws -> Bool {
        guard let old = try await managed.refresh(target.volume) else { return false }
        guard options.replace else {
            var taken = ServiceError(VolumeSteps.taken(target.volume))
            taken.hints = ["?replace=true replaces it if nothing uses it", "or choose another name"]
            throw taken
        }
        let state = VolumeStateMaker(fleet: hosts.fleet, host: target.host).state(old, record: nil)
        guard state.usedBy.isEmpty, state.children.isEmpty else {
            throw ServiceError(
                "volume.in_use", .conflict,
                "volume '\(target.volume)' is in use by \((state.usedBy + state.children).joined(separator: ", ")) and cannot be replaced")
        }
        return true
    }

    /// The bytes of a volume's file as they are.
    package func download(pool: String, volume: String, host: String?) async throws(ServiceError) -> VolumeContent {
        let state = try await self.volume(pool: pool, volume: volume, host: host)
        if let upload = state.upload {
            throw ServiceError(
                "volume.unfinished", .conflict,
                "the upload of volume '\(state.reference)' is not over: \(upload.offset) of \(upload.total) bytes",
                hints: ["HEAD tells how far it is"])
        }
        guard state.observation.isLocal else {
            throw ServiceError(
                "volume.not_local", .unsupported,
                "volume '\(state.reference)' is no file or device of its host, and libvirt does not hand out its bytes")
        }
        let managed = try hosts.require(state.host)
        try managed.requireOnline()
        do {
            let size = try await managed.connection.fileSize(state.reference)
            return VolumeContent(size: size, connection: managed.connection, reference: state.reference)
        } catch {
            throw error.serviceError
        }
    }
}
