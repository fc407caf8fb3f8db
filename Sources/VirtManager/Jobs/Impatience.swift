internal import JobQueue
internal import Synchronization

/// Jobs that give a guest time to go down while somebody wants it off now: the grace is over then. By job, not by machine:
/// haste that comes too late must not be felt by the next shutdown.
package final class Impatience: Sendable {
    private let jobs = Mutex<Set<JobID>>([])

    package init() {}

    func hurry(_ job: JobID) { jobs.withLock { _ = $0.insert(job) } }
    func forget(_ job: JobID) { jobs.withLock { _ = $0.remove(job) } }
    func isFelt(for job: JobID) -> Bool { jobs.withLock { $0.contains(job) } }
}
