/// Somebody who follows the timeline.
package final class EventFollower: Sendable {
    /// Yields when there may be news; ends with the daemon.
    package let news: AsyncStream<Void>
    private let wake: AsyncStream<Void>.Continuation
    private let end: @Sendable () -> Void

    init(news: AsyncStream<Void>, wake: AsyncStream<Void>.Continuation, end: @escaping @Sendable () -> Void) {
        self.news = news
        self.wake = wake
        self.end = end
    }

    /// Follows no longer. Safe to be called again.
    package func stop() {
        wake.finish()
        end()
    }

    /// Has `news` yield although there is none.
    package func nudge() { wake.yield() }

    deinit { stop() }
}
