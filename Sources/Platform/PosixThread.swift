internal import CLinux
internal import Glibc

/// A named kernel thread for work that blocks (pthread_create(3)). Names show in `top -H`, the journal and core dumps.
package enum PosixThread {
    private final class Start {
        let name: String
        let body: @Sendable () -> Void
        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// Starts a detached thread. `name` is cut to the kernel's 15 bytes.
    package static func start(name: String, stackBytes: Int = 512 * 1024, _ body: @escaping @Sendable () -> Void) throws(SystemCallError) {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, stackBytes)
        let box = Unmanaged.passRetained(Start(name: String(decoding: name.utf8.prefix(15), as: UTF8.self), body: body))
        var thread = pthread_t()
        let code = pthread_create(&thread, &attributes, runPosixThread, box.toOpaque())
        if code != 0 {
            box.release()
            throw SystemCallError("pthread_create", subject: name, code: code)
        }
    }

    fileprivate static func run(_ pointer: UnsafeMutableRawPointer?) {
        guard let pointer else { return }
        let start = Unmanaged<Start>.fromOpaque(pointer).takeRetainedValue()
        _ = gantry_set_thread_name(start.name)
        start.body()
    }
}

// A free function: a closure formed in isolated code would trap when another thread calls it.
private func runPosixThread(_ pointer: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    PosixThread.run(pointer)
    return nil
}
