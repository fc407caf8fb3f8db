internal import Glibc

/// One attempt to reach a TCP port, without blocking: begun by `init`, looked after by `outcome`, given up by letting go.
package struct ConnectionProbe: ~Copyable {
    package enum Outcome: Sendable, Equatable {
        case underWay
        case connected
        /// In the words of strerror(3).
        case failed(String)
    }

    private let descriptor: Int32
    private let firstError: Int32

    /// `address` is numeric. nil if it is none, or no socket can be had.
    package init?(address: String, port: UInt16) {
        guard let (storage, length) = SocketAddress.storage(address: address, port: Int(port)) else { return nil }
        let flags = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(Int32(storage.ss_family), flags, 0)
        guard descriptor >= 0 else { return nil }
        self.descriptor = descriptor
        var target = storage
        let code = withUnsafePointer(to: &target) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, length) }
        }
        firstError = code == 0 ? 0 : errno
    }

    deinit { _ = close(descriptor) }

    package var outcome: Outcome {
        if firstError != 0 && firstError != EINPROGRESS { return .failed(Self.text(firstError)) }
        var polled = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard poll(&polled, 1, 0) > 0 else { return .underWay }
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) == 0 else { return .failed(Self.text(errno)) }
        if code != 0 { return .failed(Self.text(code)) }
        // The reason is told once.
        return polled.revents & Int16(POLLERR | POLLHUP) == 0 ? .connected : .failed("it was lost again")
    }

    private static func text(_ code: Int32) -> String {
        String(SystemCallError("connect", code: code).description.dropFirst("connect: ".utf8.count))
    }
}
