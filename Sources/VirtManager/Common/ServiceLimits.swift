/// How much of what the services do at once. Each limit has a name in the configuration.
package struct ServiceLimits: Sendable, Equatable {
    /// Clients that follow the console of some machine.
    package var consoleFollowers = 64
    /// Programs that clients wait for in guests.
    package var execs = 32
    /// Between two samples of what the machines of a host use.
    package var statsIntervalMilliseconds = 10_000
    /// Clients that follow the timeline.
    package var eventFollowers = 64
    /// Events that are kept; the oldest go first.
    package var eventsKept = 100_000
    /// How long an event is kept.
    package var eventsAgeMilliseconds = 30 * 86_400_000

    /// Uploads under way, those in parts counted until they are over.
    package var uploads = 32
    /// Of one upload.
    package var uploadBytes = 1 << 40

    package init() {}

    /// A limit that the configuration can set.
    package struct Key: Sendable {
        /// As written in the configuration.
        package let name: String
        /// Smallest and largest value that make sense.
        package let range: ClosedRange<Int>
        let path: any WritableKeyPath<ServiceLimits, Int> & Sendable
    }

    /// All limits, in the order of their declaration.
    package static let keys: [Key] = [
        Key(name: "console_followers", range: 1...4096, path: \.consoleFollowers),
        Key(name: "execs", range: 1...1024, path: \.execs),
        Key(name: "stats_interval_milliseconds", range: 1000...3_600_000, path: \.statsIntervalMilliseconds),
        Key(name: "event_followers", range: 1...4096, path: \.eventFollowers),
        Key(name: "events_kept", range: 100...100_000_000, path: \.eventsKept),
        Key(name: "events_age_milliseconds", range: 60_000...315_360_000_000, path: \.eventsAgeMilliseconds),
        Key(name: "uploads", range: 1...4096, path: \.uploads),
        Key(name: "upload_bytes", range: 1 << 20...1 << 50, path: \.uploadBytes),
    ]

    /// The limit called `name` in the configuration; nil if there is none.
    package func value(_ name: String) -> Int? {
        Self.keys.first { $0.name == name }.map { self[keyPath: $0.path] }
    }

    /// Sets a limit by its name in the configuration; false if the name is unknown or the value out of range.
    package mutating func set(_ name: String, to value: Int) -> Bool {
        guard let key = Self.keys.first(where: { $0.name == name }), key.range.contains(value) else { return false }
        self[keyPath: key.path] = value
        return true
    }
}
