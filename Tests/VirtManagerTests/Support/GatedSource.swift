import Synchronization

@testable import VirtManager

/// An upload's bytes, which come when they are sent.
final class GatedSource: UploadSource {
    private let (pieces, gate) = AsyncThrowingStream.makeStream(of: [UInt8].self)
    private let awaited = Mutex(false)

    /// Whether somebody reads.
    var isAwaited: Bool { awaited.withLock { $0 } }

    func send(_ bytes: [UInt8]) { gate.yield(bytes) }
    func end() { gate.finish() }
    /// The caller goes away.
    func cut() { gate.finish(throwing: CallerGone()) }

    func next() async throws -> [UInt8]? {
        awaited.withLock { $0 = true }
        for try await piece in pieces { return piece }
        return nil
    }
}
