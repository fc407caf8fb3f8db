internal import Hypervisor
internal import JSON
internal import Platform
internal import Synchronization

/// One upload on its way: inspects and hashes what passes through.
final class IncomingUpload: Sendable {
    private struct State {
        var inspector: ImageInspector
        var held: [UInt8] = []
        var report: JSONValue?
        var isEnded = false
        var isDelivered = false
    }
    let host: HostName
    let pool: String
    private let source: any UploadSource
    private let limits: ServiceLimits
    private let announced: Int64?
    private let state: Mutex<State>
    private let hash = Mutex(SHA256())

    /// - Parameter announced: the length of all of it, where that is known.
    init(source: any UploadSource, inspector: ImageInspector, host: HostName, pool: String, announced: Int64?, limits: ServiceLimits) {
        self.host = host
        self.pool = pool
        self.source = source
        self.limits = limits
        self.announced = announced
        state = Mutex(State(inspector: inspector))
    }

    /// Bytes that are still to come, as far as that is known.
    var outstandingBytes: Int64 { announced.map { announced in max(0, announced - state.withLock { $0.inspector.fileBytes }) } ?? 0 }

    /// What it is, once its header is judged.
    var format: ImageFormat? { state.withLock { $0.inspector.format } }

    /// What was found out, once everything has come: `{format, virtual_bytes, file_bytes, sha256}`.
    var report: JSONValue? { state.withLock { $0.report } }

    /// The report, once all of it lies on the host and was found right: reading to the end is not enough for that.
    var delivered: JSONValue? { state.withLock { $0.isDelivered ? $0.report : nil } }
    func markDelivered() { state.withLock { $0.isDelivered = true } }

    /// Reads until the header is judged, before anything is made for it. Throws `ServiceError` for an image that is refused.
    func readHeader() async throws {
        while state.withLock({ $0.held.isEmpty && !$0.isEnded }) {
            let released = try await pull() ?? []
            state.withLock { $0.held += released }
        }
    }

    /// The next piece that may be written; nil at the end, when `report` is there.
    func next() async throws -> [UInt8]? {
        let held = state.withLock { state in
            defer { state.held = [] }
            return state.held
        }
        if !held.isEmpty { return held }
        while !state.withLock({ $0.isEnded }) {
            if let piece = try await pull(), !piece.isEmpty { return piece }
        }
        return nil
    }

    /// One piece from the caller through the inspector: what it lets go (maybe nothing yet).
    private func pull() async throws -> [UInt8]? {
        let piece: [UInt8]?
        do {
            piece = try await source.next()
        } catch {
            throw ServiceError(
                "upload.cut", .temporary, "the upload ended before all of it had come; nothing is kept", isRetryable: true,
                hints: ["send it again"])
        }
        do {
            guard let piece else { return try end() }
            hash.withLock { $0.update(piece) }
            let released = try state.withLock { try $0.inspector.feed(piece) }
            let come = state.withLock { $0.inspector.fileBytes }
            guard come <= Int64(limits.uploadBytes) else { throw StorageService.tooLarge(come, limits) }
            return released
        } catch let refusal as ImageRefusal {
            throw Self.refused(refusal)
        }
    }

    static func refused(_ refusal: ImageRefusal) -> ServiceError {
        ServiceError(
            "image.\(refusal.reason.rawValue)", .invalid, "the image is refused: \(refusal.detail)",
            hints: ["images must be raw or qcow2, whole in themselves: qemu-img convert -O qcow2 makes such a one"])
    }

    /// As the report of an upload says it: `{format, virtual_bytes, file_bytes, sha256}`.
    static func report(_ report: ImageReport, sha256: String) -> JSONValue {
        [
            "format": .string(report.format.rawValue), "virtual_bytes": .integer(report.virtualBytes),
            "file_bytes": .integer(report.fileBytes), "sha256": .string(sha256),
        ]
    }

    private func end() throws -> [UInt8] {
        let digest = hash.withLock { $0.finish() }
        return try state.withLock { state in
            state.isEnded = true
            let (report, rest) = try state.inspector.finish()
            state.report = Self.report(report, sha256: digest)
            return rest
        }
    }
}
