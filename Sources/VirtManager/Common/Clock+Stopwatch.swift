extension Clock where Duration == Swift.Duration {
    /// Starts a watch; it answers the time that has passed by this clock since.
    func stopwatch() -> @Sendable () -> Duration {
        let start = now
        return { start.duration(to: self.now) }
    }
}
