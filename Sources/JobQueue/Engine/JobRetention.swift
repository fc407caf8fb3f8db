/// How long ended jobs are kept, and how often the old ones are removed.
package struct JobRetention: Sendable {
    /// Succeeded and cancelled ones.
    package var ended: Duration
    package var failed: Duration
    package var interval: Duration

    package init(ended: Duration = .seconds(30 * 86_400), failed: Duration = .seconds(90 * 86_400), interval: Duration = .seconds(3600)) {
        self.ended = ended
        self.failed = failed
        self.interval = interval
    }
}
