internal import CLinux
internal import Glibc

/// Calls on a connected, non-blocking stream socket (socket(7)). Failures come as -1 with `errno`.
package enum StreamSocket {
    /// The kernel's word on who connected.
    package enum Peer: Sendable, Equatable {
        case unix(pid: Int32, uid: UInt32, gid: UInt32, groups: [UInt32])
        case internet(SocketAddress)
    }

    /// accept4(2): a non-blocking descriptor and its peer; nil with `errno` set.
    package static func accept(on listener: Int32) -> (descriptor: Int32, peer: Peer)? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let descriptor = withUnsafeMutablePointer(to: &storage) { gantry_accept(listener, $0, &length) }
        guard descriptor >= 0 else { return nil }
        if let address = SocketAddress(storage) {
            var one: Int32 = 1
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, 4)
            keepAlive(descriptor)
            return (descriptor, .internet(address))
        }
        return (descriptor, unixPeer(of: descriptor))
    }

    /// Finds out within a minute that a peer has vanished without a word, also where nothing is sent to it for long.
    private static func keepAlive(_ descriptor: Int32) {
        var (one, idle, interval, count) = (Int32(1), Int32(30), Int32(10), Int32(3))
        setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &one, 4)
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_KEEPIDLE, &idle, 4)
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_KEEPINTVL, &interval, 4)
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_KEEPCNT, &count, 4)
    }

    private static func unixPeer(of descriptor: Int32) -> Peer {
        var (pid, uid, gid) = (Int32(0), UInt32.max, UInt32.max)
        // On failure the identity stays "nobody": no rule gives that anything.
        _ = gantry_peer_credentials(descriptor, &pid, &uid, &gid)
        var groups = [UInt32](repeating: 0, count: 256)
        let count = gantry_peer_groups(descriptor, &groups, Int32(groups.count))
        return .unix(pid: pid, uid: uid, gid: gid, groups: Array(groups.prefix(max(0, Int(count)))))
    }

    /// Two buffers in one sendmsg(2) without SIGPIPE: a head and a body that is not copied.
    package static func send(_ descriptor: Int32, _ head: [UInt8], from offset: Int = 0, _ body: [UInt8] = []) -> Int {
        head.withUnsafeBufferPointer { head in
            body.withUnsafeBufferPointer { body in
                let start = head.baseAddress.map { UnsafeMutableRawPointer(mutating: $0 + offset) }
                var parts = (
                    iovec(iov_base: start, iov_len: head.count - offset),
                    iovec(iov_base: UnsafeMutableRawPointer(mutating: body.baseAddress), iov_len: body.count)
                )
                return withUnsafeMutablePointer(to: &parts) { parts in
                    parts.withMemoryRebound(to: iovec.self, capacity: 2) { parts in
                        var message = msghdr()
                        message.msg_iov = parts
                        message.msg_iovlen = body.isEmpty ? 1 : 2
                        return sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL))
                    }
                }
            }
        }
    }

    /// recv(2) of what is there; 0 at the end of input.
    package static func receive(_ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        recv(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
    }

    /// Bytes wait in the kernel (MSG_PEEK).
    package static func hasInput(_ descriptor: Int32) -> Bool {
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) > 0
    }

    /// The peer has ended its side and every byte of it was read.
    package static func hasEnded(_ descriptor: Int32) -> Bool {
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) == 0
    }

    /// shutdown(2) of the sending side: the peer reads to the end, this side can still receive.
    package static func finishSending(_ descriptor: Int32) { _ = shutdown(descriptor, Int32(SHUT_WR)) }
}
