/// Counts running jobs against the limits and keeps those that are ready and have no slot, by host and priority.
///
/// A higher class goes first, but ageing bounds how many later jobs may overtake one that waits: below 200 for bulk work,
/// below 1000 for maintenance.
struct Slots: Sendable {
    private struct Entry {
        let job: JobID
        /// The lowest goes first; of two equal ones, that which came first.
        let rank: (Int, Int)
    }
    private typealias Line = [JobPriority: [Entry]]

    private let limits: JobLimits
    private var lines: [String: Line] = [:]
    private var queued: Set<JobID> = []
    private var running: [JobID: String] = [:]
    private var perHost: [String: Int] = [:]
    private var arrivals = 0

    init(_ limits: JobLimits) { self.limits = limits }

    var runningCount: Int { running.count }
    var isEmpty: Bool { running.isEmpty && queued.isEmpty && perHost.isEmpty && lines.isEmpty }

    /// Puts a ready job in line; does nothing for one that is in line or runs.
    mutating func enqueue(_ job: Job) {
        guard running[job.id] == nil, queued.insert(job.id).inserted else { return }
        arrivals += 1
        lines[job.host ?? "", default: [:]][job.priority, default: []].append(
            Entry(job: job.id, rank: (arrivals + Self.handicap(job.priority), arrivals)))
    }

    private static func handicap(_ priority: JobPriority) -> Int {
        switch priority {
        case .stop: -1_000_000_000
        case .user: 0
        case .bulk: 200
        case .maintenance: 1000
        }
    }

    mutating func remove(_ job: Job) {
        guard queued.remove(job.id) != nil else { return }
        take(job.id, job.host ?? "", job.priority)
    }

    /// The next job that may run, its slot taken; nil if none may.
    mutating func next() -> JobID? {
        var best: (entry: Entry, host: String, priority: JobPriority)?
        for (host, line) in lines {
            for (priority, entries) in line where hasRoom(host, priority) {
                guard let entry = entries.first, best.map({ entry.rank < $0.entry.rank }) ?? true else { continue }
                best = (entry, host, priority)
            }
        }
        guard let best else { return nil }
        let job = best.entry.job
        queued.remove(job)
        take(job, best.host, best.priority)
        running[job] = best.host
        perHost[best.host, default: 0] += 1
        return job
    }

    private func hasRoom(_ host: String, _ priority: JobPriority) -> Bool {
        let extra = priority == .stop ? limits.reservedForStop : 0
        return running.count < limits.global + extra && (host.isEmpty || perHost[host, default: 0] < limits.perHost + extra)
    }

    private mutating func take(_ job: JobID, _ host: String, _ priority: JobPriority) {
        guard var entries = lines[host]?[priority], let index = entries.firstIndex(where: { $0.job == job }) else { return }
        entries.remove(at: index)
        lines[host]?[priority] = entries.isEmpty ? nil : entries
        if lines[host]?.isEmpty == true { lines[host] = nil }
    }

    /// Gives a running job's slot back; does nothing for one that has none.
    mutating func free(_ job: JobID) {
        guard let host = running.removeValue(forKey: job) else { return }
        perHost[host, default: 1] -= 1
        if perHost[host] == 0 { perHost[host] = nil }
    }
}
