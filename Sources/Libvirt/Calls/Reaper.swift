internal import Platform

/// Runs what must still be said to a host when an object is let go: such calls may block, so never on the caller's thread.
enum Reaper {
    static func run(_ body: @escaping @Sendable () -> Void) {
        do {
            try PosixThread.start(name: "lv-close", body)
        } catch {
            // No thread to be had: blocking here is better than leaking the host's side.
            body()
        }
    }
}
