package import Platform

/// A line of a job's log.
package struct JobLogLine: Sendable, Equatable {
    /// Its number in the job's log, from 1; 0 until it is written.
    package var n: Int64 = 0
    package var at: Timestamp
    package var message: String
    package init(n: Int64 = 0, at: Timestamp, message: String) {
        self.n = n
        self.at = at
        self.message = message
    }
}
