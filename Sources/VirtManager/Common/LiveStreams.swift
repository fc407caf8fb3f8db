internal import Synchronization

/// Answers that have no end of their own, such as a followed console: so many at once, and all of them over when the daemon stops.
package final class LiveStreams: Sendable {
    /// The place of one stream; given back when it is let go.
    package final class Place: Sendable {
        private let streams: LiveStreams
        fileprivate init(_ streams: LiveStreams) { self.streams = streams }
        deinit { streams.count.withLock { $0 -= 1 } }

        /// Runs the stream. It is cancelled when the daemon stops, which is an orderly end.
        package func run(_ body: @escaping @Sendable () async throws -> Void) async throws {
            do {
                try await streams.waits.run(body)
            } catch is CancellationError where streams.waits.isOver {
                return
            }
        }
    }

    private let name: String
    private let limit: Int
    private let count = Mutex(0)
    private let waits = JobWaits()

    /// - Parameter name: of the limit in the configuration.
    package init(name: String, limit: Int) {
        self.name = name
        self.limit = limit
    }

    /// A place, or `limit.NAME` if none is free.
    package func enter() throws(ServiceError) -> Place {
        let isFree = count.withLock { count in
            guard count < limit else { return false }
            count += 1
            return true
        }
        guard isFree else {
            throw ServiceError(
                "limit.\(name)", .limit, "\(limit) of these are under way already", isRetryable: true,
                hints: ["try again when one has ended, or raise limits.\(name) in the configuration"], retryAfterSeconds: 1)
        }
        return Place(self)
    }

    /// Ends all of them, those to come too.
    package func end() { waits.end() }
}
