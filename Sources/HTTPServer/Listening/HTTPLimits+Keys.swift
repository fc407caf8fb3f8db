extension HTTPLimits {
    /// A limit that the configuration can set.
    package struct Key: Sendable {
        /// As written in the configuration, such as `request_line_bytes`.
        package let name: String
        /// Smallest and largest value that make sense.
        package let range: ClosedRange<Int>
        let path: any WritableKeyPath<HTTPLimits, Int> & Sendable
    }

    private static let bytes = 16...(1 << 30)
    private static let counts = 1...1_000_000
    private static let times = 10...86_400_000

    /// All limits, in the order of their declaration.
    package static let keys: [Key] = [
        Key(name: "request_line_bytes", range: bytes, path: \.requestLineBytes),
        Key(name: "header_bytes", range: bytes, path: \.headerBytes),
        Key(name: "header_fields", range: counts, path: \.headerFields),
        Key(name: "field_bytes", range: bytes, path: \.fieldBytes),
        Key(name: "chunk_line_bytes", range: bytes, path: \.chunkLineBytes),
        Key(name: "chunk_extension_bytes", range: bytes, path: \.chunkExtensionBytes),
        Key(name: "trailer_bytes", range: bytes, path: \.trailerBytes),
        Key(name: "head_milliseconds", range: times, path: \.headMilliseconds),
        Key(name: "body_grace_milliseconds", range: times, path: \.bodyGraceMilliseconds),
        Key(name: "body_bytes_per_second", range: counts, path: \.bodyBytesPerSecond),
        Key(name: "body_stall_milliseconds", range: times, path: \.bodyStallMilliseconds),
        Key(name: "idle_milliseconds", range: times, path: \.idleMilliseconds),
        Key(name: "write_stall_milliseconds", range: times, path: \.writeStallMilliseconds),
        Key(name: "linger_milliseconds", range: times, path: \.lingerMilliseconds),
        Key(name: "requests_per_connection", range: counts, path: \.requestsPerConnection),
        Key(name: "connections", range: counts, path: \.connections),
        Key(name: "unauthenticated_connections", range: counts, path: \.unauthenticatedConnections),
        Key(name: "connections_per_peer", range: counts, path: \.connectionsPerPeer),
        Key(name: "response_queue_bytes", range: bytes, path: \.responseQueueBytes),
        Key(name: "body_queue_bytes", range: bytes, path: \.bodyQueueBytes),
        Key(name: "drain_bytes", range: 0...(1 << 30), path: \.drainBytes),
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
