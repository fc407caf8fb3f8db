/// Deadlines in a binary heap of 16-byte entries. Entries are never removed early: the owner's key goes stale.
struct EventLoopTimers {
    struct Entry {
        /// CLOCK_MONOTONIC nanoseconds.
        let deadline: Int64
        let key: UInt64
    }

    private var heap: [Entry] = []

    var earliest: Int64? { heap.first?.deadline }

    mutating func insert(_ entry: Entry) {
        heap.append(entry)
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            if heap[parent].deadline <= heap[child].deadline { break }
            heap.swapAt(parent, child)
            child = parent
        }
    }

    /// Takes the earliest entry if its time has come.
    mutating func popDue(at now: Int64) -> Entry? {
        guard let first = heap.first, first.deadline <= now else { return nil }
        let last = heap.removeLast()
        if heap.isEmpty { return first }
        heap[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child].deadline < heap[least].deadline {
                least = child
            }
            if least == parent { return first }
            heap.swapAt(least, parent)
            parent = least
        }
    }
}
