package import Platform

/// Which jobs a list shows: alternatives within a field, all fields together. Empty: all.
package struct JobFilter: Sendable, Equatable {
    package var states: [JobState] = []
    package var kinds: [String] = []
    package var resources: [String] = []
    package var keys: [String] = []
    package var since: Timestamp?
    package init() {}

    /// Whether the job as it is now is among them.
    func matches(_ job: Job) -> Bool {
        func isOneOf<Value: Equatable>(_ list: [Value], _ value: Value?) -> Bool {
            list.isEmpty || value.map { list.contains($0) } == true
        }
        return isOneOf(states, job.state) && isOneOf(kinds, job.kind) && isOneOf(keys, job.idempotency?.key)
            && (resources.isEmpty || job.resources.contains { resources.contains($0) })
            && since.map { job.createdAt >= $0 } != false
    }
}
