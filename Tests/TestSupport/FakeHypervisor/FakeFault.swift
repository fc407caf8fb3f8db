package import Hypervisor

/// One planned injury: which call it hits, when in that call, and what happens.
package struct FakeFault: Sendable {
    /// Which calls are counted.
    package enum Calls: Sendable, Equatable {
        case only(FakeMethod)
        /// Every call that is meant to change something.
        case changing
        case any

        func matches(_ method: FakeMethod) -> Bool {
            switch self {
            case .only(let wanted): wanted == method
            case .changing: method.changes
            case .any: true
            }
        }
    }

    package enum Moment: Sendable, Equatable {
        /// Nothing has happened on the host yet.
        case before
        /// The host has done it (or refused it); only the answer is still to come.
        case after
    }

    package enum Effect: Sendable {
        /// The call ends with this error.
        case fail(HypervisorError.Code, String)
        /// The call waits until `FakeFaults.release`, cancellation of its task, or the end of its connection.
        case hang
        /// The connection breaks: this and every other call in flight on it is lost. `connect` opens it again.
        case dropConnection
        /// The process of the daemon dies: as `FakeWorld.detach`.
        case die
        /// Somebody else acts just then.
        case run(@Sendable (FakeWorld) -> Void)
    }

    package var calls: Calls
    /// Only calls about this subject are counted; nil for all.
    package var subject: String?
    package var moment: Moment
    package var effect: Effect
    let id: Int
    /// Matching calls still to let pass before the first one is hit.
    var skip: Int
    /// How many are hit; nil for all from then on.
    var remaining: Int?
}
