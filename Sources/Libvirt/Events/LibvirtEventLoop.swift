internal import CLibvirt
internal import Glibc
internal import Platform
internal import Synchronization

/// libvirt's own event loop, one per process, on a named thread.
///
/// It must be registered before the first connection is opened, or that connection gets no events and no keepalive.
enum LibvirtEventLoop {
    private static let isStarted = Mutex(false)

    /// Starts the loop unless it runs, and silences libvirt's printing of errors to stderr. Throws what
    /// virInitialize(), virEventRegisterDefaultImpl() or the thread's start said.
    static func start() throws {
        try isStarted.withLock { isStarted in
            guard !isStarted else { return }
            guard virInitialize() == 0 else { throw LibvirtError.last("virInitialize") }
            virSetErrorFunc(nil, ignoreError)
            // libvirt writes to sockets that its peer may have closed; the signal's default would end the process.
            signal(SIGPIPE, SIG_IGN)
            XMLDocument.initialiseLibrary()
            guard virEventRegisterDefaultImpl() == 0 else { throw LibvirtError.last("virEventRegisterDefaultImpl") }
            try PosixThread.start(name: "lv-events") {
                while true { virEventRunDefaultImpl() }
            }
            isStarted = true
        }
    }
}

private func ignoreError(_ data: UnsafeMutableRawPointer?, _ error: virErrorPtr?) {}
