internal import Hypervisor
internal import JSON
internal import JobQueue

/// Space and places for uploads.
extension StorageService {
    /// Refuses an upload that is too large, or one too many at once. `candidate`: its number in the inbox.
    func requireFreePlace(_ candidate: Int, bytes: Int64?) throws(ServiceError) {
        if let bytes, bytes > Int64(limits.uploadBytes) { throw Self.tooLarge(bytes, limits) }
        let unfinished: Int
        do {
            // Of a host that is not configured any more nobody can end one.
            unfinished = try uploads.all().count { hosts.managed($0.host) != nil }
        } catch {
            throw ServiceError(JobFailure.from(error))
        }
        guard unfinished + inbox.wholeCount + inbox.candidates(before: candidate) < limits.uploads else {
            throw ServiceError(
                "limit.uploads", .limit, "\(limits.uploads) uploads are under way or unfinished: no more are taken at once",
                isRetryable: true,
                hints: ["finish or delete one", "limits.uploads in the configuration sets how many"], retryAfterSeconds: 5)
        }
    }

    static func tooLarge(_ bytes: Int64, _ limits: ServiceLimits) -> ServiceError {
        ServiceError(
            "limit.upload_bytes", .limit, "an upload of \(bytes) bytes is larger than the \(limits.uploadBytes) that are taken",
            hints: ["limits.upload_bytes in the configuration sets how large one may be"])
    }

    /// A pool that is there, active, and takes new volumes; its figures are fresh then.
    @discardableResult
    func requirePool(_ name: String, _ managed: ManagedHost) async throws -> PoolState {
        do { try await managed.refreshPools() } catch { throw error.serviceError }
        let pool = try self.pool(name, host: managed.name.text)
        guard pool.observation.isActive else {
            throw ServiceError("pool.inactive", .state, "pool '\(pool.name)' on host '\(pool.host)' is not active")
        }
        guard PoolType.formats(of: pool.observation.type).contains("raw") else { throw readOnly(pool) }
        return pool
    }

    /// Refuses an image in a format that volumes of the pool cannot have: a device holds what a guest sees, and nothing else.
    func requireTaken(_ format: ImageFormat?, in pool: PoolState) throws(ServiceError) {
        let taken = PoolType.formats(of: pool.observation.type)
        guard let format, !taken.contains(format.rawValue) else { return }
        throw ServiceError(
            "image.format_not_taken", .invalid,
            "the image is \(format.rawValue), and pool '\(pool.name)' of type '\(pool.observation.type)' takes: \(taken.joined(separator: ", "))",
            hints: ["qemu-img convert -O raw makes such a one, or choose another pool"])
    }

    func readOnly(_ pool: PoolState) -> ServiceError { .readOnlyPool(pool.name, type: pool.observation.type) }

    /// `pool.no_space` with figures if the pool cannot take so much more. `candidate`: an upload that is to begin, for which
    /// counts as taken what was promised to others.
    func requireRoom(for bytes: Int64, in pool: String, on managed: ManagedHost, candidate: Int? = nil) async throws {
        let seen = try await requirePool(pool, managed).observation
        var promised: Int64 = 0
        if let candidate {
            promised = inbox.promised(in: pool, on: managed.name, before: candidate)
            // Where volumes are not sparse they take their space when they are made.
            let isSparse = PoolType.isDirectory(seen.type)
            if isSparse { promised += inbox.promised(in: pool, on: managed.name) }
            for upload in try uploads.all() where upload.host == managed.name && upload.volume.pool == pool && (isSparse || !upload.isMade)
            {
                promised += upload.total - upload.offset
            }
        }
        guard bytes > seen.availableBytes - min(promised, seen.availableBytes) else { return }
        throw Self.noRoom(pool, wanted: bytes, available: seen.availableBytes, promised: promised)
    }

    /// The same for what is still to come of an upload whose volume is there: others fill pools too.
    func requireRoom(forRestOf upload: UploadRecord, on managed: ManagedHost) async throws {
        guard PoolType.isDirectory(try pool(upload.volume.pool, host: managed.name.text).observation.type) else { return }
        try await requireRoom(for: upload.total - upload.offset, in: upload.volume.pool, on: managed)
    }

    static func noRoom(_ pool: String, wanted: Int64?, available: Int64, promised: Int64) -> ServiceError {
        let others = promised > 0 ? ", of which \(promised) are promised to other uploads" : ""
        return ServiceError(
            "pool.no_space", .noSpace,
            "pool '\(pool)' has \(available) bytes left\(others)\(wanted.map { ", the upload needs \($0) more" } ?? "")", isRetryable: true,
            hints: ["free space in the pool or choose another one"],
            details: JSONObject([
                ("available_bytes", .integer(available)), ("promised_bytes", .integer(promised)),
                ("wanted_bytes", wanted.map(JSONValue.integer) ?? .null),
            ]))
    }

    /// An error of the host during an upload; a full pool is told with its figures.
    func told(_ error: HypervisorError, _ upload: UploadRecord) async -> ServiceError {
        guard error.code == .noSpace, let managed = try? hosts.require(upload.host) else { return error.serviceError }
        try? await managed.refreshRoom(in: upload.volume.pool)
        let available = (try? pool(upload.volume.pool, host: upload.host.text))?.observation.availableBytes ?? 0
        var told = Self.noRoom(upload.volume.pool, wanted: upload.total - upload.offset, available: available, promised: 0)
        told.native = error.nativeJSON
        return told
    }
}
