/// How much of the timeline is kept and shown.
package struct EventLimits: Sendable, Equatable {
    /// Events kept; the oldest go first.
    package var rows = 100_000
    /// How long an event is kept.
    package var age = Duration.seconds(30 * 86_400)
    /// Streams at one time.
    package var followers = 64
    /// How often old events are looked for.
    package var interval = Duration.seconds(600)
    /// A stream without news says that it is alive this often.
    package var beat = Duration.seconds(15)

    package init() {}

    package init(_ limits: ServiceLimits) {
        rows = limits.eventsKept
        age = .milliseconds(limits.eventsAgeMilliseconds)
        followers = limits.eventFollowers
    }
}
