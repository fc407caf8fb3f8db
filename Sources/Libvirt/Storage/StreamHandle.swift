internal import CLibvirt
internal import Synchronization

/// One blocking virStream, ended and freed exactly once.
///
/// One call at a time uses it: the transfers have one writer or reader each.
final class StreamHandle: Sendable, LibvirtCallable {
    private let pointer: ForeignPointer
    /// A stream needs its connection to the end, and alone: another call on it would read the stream's data into memory.
    let lease: ConnectionLease
    private let hasEnded = Mutex(false)

    init(_ lease: ConnectionLease) throws(LibvirtError) {
        self.lease = lease
        pointer = ForeignPointer(try lease.connection.value("virStreamNew") { virStreamNew($0, 0) })
    }

    deinit {
        let isOpen = !hasEnded.withLock { $0 }
        // The abort asks the host.
        Reaper.run { [pointer, lease] in
            if isOpen { virStreamAbort(pointer.raw) }
            virStreamFree(pointer.raw)
            withExtendedLifetime(lease) {}
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
