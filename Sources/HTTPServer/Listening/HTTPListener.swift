internal import Glibc
internal import Platform

/// Accepts connections of one listening socket (accept4(2)), on the loop's thread.
final class HTTPListener: EventLoopHandler {
    private let descriptor: Int32
    /// Removed at the end if it is still ours.
    private let path: String?
    private let inode: UInt64
    /// Held while open: a server goes on until it is drained, whoever still refers to it.
    private var server: HTTPServerState?
    private var token: EventLoopToken?
    private var isClosed = false
    /// Given up for a moment when descriptors run out, to accept one connection, answer 503 and close it.
    private var spare: Int32 = -1

    private static let acceptsPerTurn = 64
    private static let pause = Duration.milliseconds(100)

    init(descriptor: Int32, path: String?) {
        self.descriptor = descriptor
        self.path = path
        inode = path.flatMap(Self.inode) ?? 0
    }

    func open(on server: HTTPServerState) throws(SystemCallError) {
        self.server = server
        spare = Self.openSpare()
        token = try server.loop.register(descriptor, .read, self)
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        if let token { server?.loop.remove(token) }
        _ = Glibc.close(descriptor)
        if spare >= 0 { _ = Glibc.close(spare) }
        if let path, Self.inode(path) == inode { unlink(path) }
        server = nil
    }

    func ready(_ events: EventLoopInterest) {
        for _ in 0..<Self.acceptsPerTurn {
            if !acceptOne() { return }
        }
    }

    func deadlinePassed() {}

    /// Takes all that the kernel has queued.
    func acceptAll() {
        while !isClosed, acceptOne() {}
    }

    /// Answers false when there is nothing more to accept for now.
    private func acceptOne() -> Bool {
        guard let server, !isClosed else { return false }
        if let (accepted, peer) = StreamSocket.accept(on: descriptor) {
            server.accept(accepted, HTTPPeer(peer))
            return true
        }
        switch errno {
        case ECONNABORTED, EINTR, EPROTO: return true
        case EMFILE, ENFILE, ENOBUFS, ENOMEM: return refuseOne(errno)
        default: return false
        }
    }

    /// No descriptors are left. The queue would keep the listener ready for ever, so each connection is told.
    private func refuseOne(_ code: Int32) -> Bool {
        guard let server else { return false }
        server.notice(.acceptFailed(code: code))
        if spare >= 0 { _ = Glibc.close(spare) }
        spare = -1
        let accepted = StreamSocket.accept(on: descriptor)
        let acceptCode = errno
        if let (refused, _) = accepted { server.refuse(refused) }
        spare = Self.openSpare()
        if accepted != nil, spare >= 0 { return true }
        if accepted == nil, acceptCode == EAGAIN { return false }
        pauseAccepting(server)
        return false
    }

    /// Without a spare nothing can be accepted: look again a little later instead of spinning.
    private func pauseAccepting(_ server: HTTPServerState) {
        guard let token else { return }
        server.loop.modify(token, [])
        _ = server.loop.schedule(after: Self.pause) { [weak self] in
            guard let self, !self.isClosed else { return }
            if self.spare < 0 { self.spare = Self.openSpare() }
            self.server?.loop.modify(token, .read)
        }
    }

    private static func openSpare() -> Int32 { Glibc.open("/dev/null", O_RDONLY | O_CLOEXEC) }

    private static func inode(_ path: String) -> UInt64? {
        var status = stat()
        return lstat(path, &status) == 0 ? UInt64(status.st_ino) : nil
    }
}
