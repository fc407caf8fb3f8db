internal import JSON
internal import JobQueue
internal import Platform
internal import Synchronization

/// Bytes that come in from a caller, pulled one piece at a time; nil at the end. Throws if the caller went away.
package protocol UploadSource: Sendable {
    func next() async throws -> [UInt8]?
}

/// The uploads whose bytes are on their way. Lives in memory only: after a restart there is nothing to read from any more,
/// and the job of such an upload undoes itself.
final class UploadInbox: Sendable {
    private let uploads = Mutex<[JobID: IncomingUpload]>([:])

    subscript(job: JobID) -> IncomingUpload? { uploads.withLock { $0[job] } }
    func put(_ upload: IncomingUpload, for job: JobID) { uploads.withLock { $0[job] = upload } }
    func remove(_ job: JobID) { uploads.withLock { $0[job] = nil } }
}

/// One upload on its way: inspects and hashes what passes through.
final class IncomingUpload: Sendable {
    private struct State {
        var inspector: ImageInspector
        var held: [UInt8] = []
        var report: JSONValue?
        var isEnded = false
        var isDelivered = false
    }
    private let source: any UploadSource
    private let state: Mutex<State>
    private let hash = Mutex(SHA256())

    init(source: any UploadSource, inspector: ImageInspector) {
        self.source = source
        state = Mutex(State(inspector: inspector))
    }

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
            return try state.withLock { try $0.inspector.feed(piece) }
        } catch let refusal as ImageRefusal {
            throw ServiceError(
                "image.\(refusal.reason.rawValue)", .invalid, "the image is refused: \(refusal.detail)",
                hints: ["images must be raw or qcow2, whole in themselves: qemu-img convert -O qcow2 makes such a one"])
        }
    }

    private func end() throws -> [UInt8] {
        let digest = hash.withLock { $0.finish() }
        return try state.withLock { state in
            state.isEnded = true
            let (report, rest) = try state.inspector.finish()
            state.report = [
                "format": .string(report.format.rawValue), "virtual_bytes": .integer(report.virtualBytes),
                "file_bytes": .integer(report.fileBytes), "sha256": .string(digest),
            ]
            return rest
        }
    }
}
