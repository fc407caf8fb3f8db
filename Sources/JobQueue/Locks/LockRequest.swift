internal import JSON

/// One lock a job needs. A job takes all of its locks at once, or none.
package struct LockRequest: Hashable, Comparable, Sendable {
    package enum Mode: String, Sendable {
        case shared, exclusive
    }
    /// `host:h1`, `vm:UUID`, `volume:h1/default/x`, `pool:h1/default`, `network:h1/default`.
    package var resource: String
    package var mode: Mode

    package init(_ resource: String, _ mode: Mode) {
        self.resource = resource
        self.mode = mode
    }

    package func conflicts(with other: LockRequest) -> Bool {
        resource == other.resource && (mode == .exclusive || other.mode == .exclusive)
    }

    /// One lock per resource, in the order in which they are shown; where both modes are asked for, exclusive.
    static func normalized(_ locks: [LockRequest]) -> [LockRequest] {
        Dictionary(locks.map { ($0.resource, $0) }, uniquingKeysWith: { $0.mode == .exclusive ? $0 : $1 }).values.sorted()
    }

    package static func < (left: LockRequest, right: LockRequest) -> Bool {
        (left.resource, left.mode.rawValue) < (right.resource, right.mode.rawValue)
    }
}
