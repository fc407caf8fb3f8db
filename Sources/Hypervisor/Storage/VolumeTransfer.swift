/// Bytes on their way into a volume. One writer; `finish` or `abort` ends it, exactly once.
package protocol VolumeUpload: Sendable {
    /// Sends all of `bytes`.
    func write(_ bytes: [UInt8]) async throws(HypervisorError)
    /// Says that all was sent and waits until the host has taken it.
    func finish() async throws(HypervisorError)
    /// Gives up; what was sent stays in the volume. Safe after `finish`.
    func abort() async
}

/// Bytes on their way out of a volume. One reader.
package protocol VolumeDownload: Sendable {
    /// The next piece (at most 1 MiB), or nil at the end.
    func read() async throws(HypervisorError) -> [UInt8]?
    /// Gives up. Safe after the end.
    func abort() async
}
