/// Who holds and who waits for which lock. First come, first served per resource: nobody overtakes a conflicting
/// request that came earlier, so there is no starvation, and as a job's set is granted whole there is no deadlock.
///
/// Asking and releasing cost what stands next to a claim in its lines, not the length of the lines: thousands of jobs
/// share one host or pool.
package struct LockTable: Sendable {
    private struct Request {
        let ticket: Int
        let locks: [LockRequest]
        var isHeld = false
    }
    private var requests: [JobID: Request] = [:]
    private var lines: [String: LockLine] = [:]
    private var nextTicket = 0

    package init() {}

    /// Puts a job's whole set in line behind all that came before. Does nothing if the job stands in line already.
    package mutating func request(_ job: JobID, _ locks: [LockRequest]) {
        guard requests[job] == nil else { return }
        let ticket = nextTicket
        nextTicket += 1
        requests[job] = Request(ticket: ticket, locks: locks)
        for lock in locks { lines[lock.resource, default: LockLine()].append(job, ticket, lock.mode) }
    }

    /// The jobs right before it in its lines whose locks conflict (at most 20 per lock). Empty means it can be granted.
    package func blockers(of job: JobID) -> [JobID] {
        guard let request = requests[job], !request.isHeld else { return [] }
        var found: [JobID] = []
        for lock in request.locks {
            for other in lines[lock.resource]?.blockers(of: request.ticket, lock.mode) ?? [] where !found.contains(other) {
                found.append(other)
            }
        }
        return found
    }

    /// Marks the set as held. Only for a job without blockers, or one that held it before a restart.
    package mutating func grant(_ job: JobID) { requests[job]?.isHeld = true }

    /// Gives up the whole set, held or waited for, and answers the waiting jobs whose blockers changed, oldest first.
    package mutating func release(_ job: JobID) -> [JobID] {
        guard let request = requests.removeValue(forKey: job) else { return [] }
        var waiters: Set<JobID> = []
        for lock in request.locks {
            guard var line = lines[lock.resource] else { continue }
            line.remove(request.ticket, lock.mode)
            for other in line.followers(of: request.ticket, lock.mode) where requests[other]?.isHeld == false { waiters.insert(other) }
            lines[lock.resource] = line.isEmpty ? nil : line
        }
        return waiters.sorted { (requests[$0]?.ticket ?? 0) < (requests[$1]?.ticket ?? 0) }
    }

    /// The job that holds `resource` exclusively, if any.
    package func holder(of resource: String) -> JobID? {
        lines[resource]?.firstExclusive.flatMap { requests[$0]?.isHeld == true ? $0 : nil }
    }

    package var isEmpty: Bool { requests.isEmpty && lines.isEmpty }
}
