/// The claims on one resource, in order of their tickets, shared and exclusive ones apart.
struct LockLine: Sendable {
    private struct Claim {
        let ticket: Int
        let job: JobID
    }
    private var shared: [Claim] = []
    private var exclusive: [Claim] = []
    private static let shownBlockers = 20

    var isEmpty: Bool { shared.isEmpty && exclusive.isEmpty }
    var firstExclusive: JobID? { exclusive.first?.job }

    /// `ticket` is higher than all before it.
    mutating func append(_ job: JobID, _ ticket: Int, _ mode: LockRequest.Mode) {
        switch mode {
        case .shared: shared.append(Claim(ticket: ticket, job: job))
        case .exclusive: exclusive.append(Claim(ticket: ticket, job: job))
        }
    }

    mutating func remove(_ ticket: Int, _ mode: LockRequest.Mode) {
        switch mode {
        case .shared: Self.remove(ticket, from: &shared)
        case .exclusive: Self.remove(ticket, from: &exclusive)
        }
    }

    /// A shared claim is behind the exclusive one before it; an exclusive claim behind the shared ones right before it, or
    /// else behind the exclusive one before it.
    func blockers(of ticket: Int, _ mode: LockRequest.Mode) -> [JobID] {
        let position = Self.position(ticket, in: exclusive)
        let before = position > 0 ? exclusive[position - 1] : nil
        if mode == .exclusive {
            let start = before.map { Self.position($0.ticket, in: shared) } ?? 0
            let between = shared[start..<Self.position(ticket, in: shared)]
            if !between.isEmpty { return between.prefix(Self.shownBlockers).map(\.job) }
        }
        return before.map { [$0.job] } ?? []
    }

    /// The claims whose blockers change when that of `ticket` goes away.
    func followers(of ticket: Int, _ mode: LockRequest.Mode) -> [JobID] {
        let position = Self.position(ticket, in: exclusive)
        let next = position < exclusive.count ? exclusive[position] : nil
        var found = next.map { [$0.job] } ?? []
        if mode == .exclusive {
            let end = next.map { Self.position($0.ticket, in: shared) } ?? shared.count
            found += shared[Self.position(ticket, in: shared)..<end].map(\.job)
        }
        return found
    }

    /// Index of the first claim whose ticket is not below `ticket`.
    private static func position(_ ticket: Int, in claims: [Claim]) -> Int {
        var low = 0
        var high = claims.count
        while low < high {
            let middle = (low + high) / 2
            if claims[middle].ticket < ticket { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private static func remove(_ ticket: Int, from claims: inout [Claim]) {
        let index = position(ticket, in: claims)
        if index < claims.count, claims[index].ticket == ticket { claims.remove(at: index) }
    }
}
