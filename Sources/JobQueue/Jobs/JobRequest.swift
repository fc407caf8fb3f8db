package import JSON
package import Platform

/// A job to be enqueued: everything it needs is in here, chosen before the transaction that makes it a promise.
package struct JobRequest: Sendable {
    package var id: JobID
    package var kind: String
    package var arguments: JSONValue
    /// What its steps need and nobody else may read, such as passwords for a guest: kept apart, and wiped when the job ends.
    package var secrets: [String: [UInt8]] = [:]
    /// API paths of what it is about, the main one first.
    package var resources: [String]
    package var locks: [LockRequest]
    /// Names that nobody else may take until this job has ended, such as `vm:web1`.
    package var reservations: [String]
    /// The host whose limits count.
    package var host: String?
    package var priority: JobPriority
    package var idempotency: IdempotencyKey?
    package var requestor: Requestor
    package var reason: String?
    package var retryOf: JobID?
    /// Not before this time.
    package var runAt: Timestamp?
    /// Asked in the moment in which the job is taken, with the unfinished job, if any, that works on the same thing or will before
    /// this one. Throws if this one is not wanted any more.
    package var condition: Condition?
    package typealias Condition = @Sendable (_ before: JobID?) throws -> Void

    package init(
        id: JobID, kind: String, arguments: JSONValue, resources: [String], locks: [LockRequest], reservations: [String] = [],
        host: String? = nil, priority: JobPriority = .user, idempotency: IdempotencyKey? = nil, requestor: Requestor = .daemon,
        reason: String? = nil, retryOf: JobID? = nil, runAt: Timestamp? = nil
    ) {
        self.id = id
        self.kind = kind
        self.arguments = arguments
        self.resources = resources
        self.locks = locks
        self.reservations = reservations
        self.host = host
        self.priority = priority
        self.idempotency = idempotency
        self.requestor = requestor
        self.reason = reason
        self.retryOf = retryOf
        self.runAt = runAt
    }
}

/// Which jobs go first when slots are short. `stop` has slots of its own, so that pulling a plug never waits for bulk work.
package enum JobPriority: Int64, Sendable, CaseIterable {
    case stop = 1
    case user = 2
    case bulk = 3
    case maintenance = 4
}
