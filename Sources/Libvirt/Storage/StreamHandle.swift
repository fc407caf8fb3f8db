internal import CLibvirt
internal import Synchronization

/// One blocking virStream, ended and freed exactly once.
///
/// One call at a time uses it: the transfers have one writer or reader each.
final class StreamHandle: Sendable, LibvirtCallable {
    private let pointer: ForeignPointer
    /// A stream needs its connection to the end.
    private let connection: OpenConnection
    private let hasEnded = Mutex(false)

    init(_ connection: OpenConnection) throws(LibvirtError) {
        self.connection = connection
        pointer = ForeignPointer(try connection.value("virStreamNew") { virStreamNew($0, 0) })
    }

    deinit {
        let isOpen = !hasEnded.withLock { $0 }
        // The abort asks the host.
        Reaper.run { [pointer, connection] in
            if isOpen { virStreamAbort(pointer.raw) }
            virStreamFree(pointer.raw)
            _ = connection
        }
    }

    func lend<Result>(_ body: (OpaquePointer) -> Result) -> Result {
        withExtendedLifetime(self) { body(pointer.raw) }
    }

    /// Answers whether the caller is the one to end it.
    func claimEnd() -> Bool {
        hasEnded.withLock { hasEnded in
            defer { hasEnded = true }
            return !hasEnded
        }
    }

    var isOpen: Bool { !hasEnded.withLock { $0 } }
}
