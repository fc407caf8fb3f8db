import JobQueue
import Platform
import Testing

@Suite struct LockTableTests {
    private var table = LockTable()
    private let ids: [JobID]

    init() throws {
        ids = try (0..<6).map { try JobID(at: Timestamp(milliseconds: 1_800_000_000_000 + $0)) }
    }

    @Test mutating func nobodyOvertakesAConflictingRequest() {
        table.request(ids[0], [LockRequest("vm:a", .exclusive)])
        table.grant(ids[0])
        table.request(ids[1], [LockRequest("vm:a", .exclusive)])
        table.request(ids[2], [LockRequest("vm:a", .exclusive)])
        #expect(table.blockers(of: ids[0]).isEmpty)
        #expect(table.blockers(of: ids[1]) == [ids[0]])
        #expect(table.blockers(of: ids[2]) == [ids[1]])
        #expect(table.holder(of: "vm:a") == ids[0])
        #expect(table.release(ids[0]) == [ids[1]])
        #expect(table.blockers(of: ids[1]).isEmpty)
        #expect(table.holder(of: "vm:a") == nil)
    }

    @Test mutating func sharedLocksGoTogetherButNotPastAnExclusiveOne() {
        table.request(ids[0], [LockRequest("pool", .shared)])
        table.request(ids[1], [LockRequest("pool", .shared)])
        table.grant(ids[0])
        table.grant(ids[1])
        table.request(ids[2], [LockRequest("pool", .exclusive)])
        table.request(ids[3], [LockRequest("pool", .shared)])
        table.request(ids[4], [LockRequest("pool", .exclusive)])
        #expect(table.blockers(of: ids[2]) == [ids[0], ids[1]])
        #expect(table.blockers(of: ids[3]) == [ids[2]])
        #expect(table.blockers(of: ids[4]) == [ids[3]])
        #expect(table.release(ids[0]) == [ids[2]])
        #expect(table.blockers(of: ids[2]) == [ids[1]])
        #expect(table.release(ids[1]) == [ids[2]])
        #expect(table.blockers(of: ids[2]).isEmpty)
        table.grant(ids[2])
        #expect(table.release(ids[2]) == [ids[3], ids[4]])
        #expect(table.blockers(of: ids[3]).isEmpty)
        #expect(table.blockers(of: ids[4]) == [ids[3]])
    }

    @Test mutating func aWaiterThatLeavesLetsTheNextOnePass() {
        table.request(ids[0], [LockRequest("a", .shared)])
        table.grant(ids[0])
        table.request(ids[1], [LockRequest("a", .exclusive)])
        table.request(ids[2], [LockRequest("a", .shared)])
        #expect(table.release(ids[1]) == [ids[2]])
        #expect(table.blockers(of: ids[2]).isEmpty)
    }

    @Test mutating func aSetIsTakenWholeSoThereIsNoDeadlock() {
        table.request(ids[0], [LockRequest("a", .exclusive), LockRequest("b", .exclusive)])
        table.request(ids[1], [LockRequest("b", .exclusive), LockRequest("a", .exclusive)])
        #expect(table.blockers(of: ids[0]).isEmpty)
        #expect(table.blockers(of: ids[1]) == [ids[0]])
        table.grant(ids[0])
        #expect(table.release(ids[0]) == [ids[1]])
        table.grant(ids[1])
        #expect(table.release(ids[1]).isEmpty)
        #expect(table.isEmpty)
    }

    @Test mutating func askingTwiceKeepsThePlaceAndReleasingTwiceIsNothing() {
        table.request(ids[0], [LockRequest("a", .exclusive)])
        table.request(ids[1], [LockRequest("a", .exclusive)])
        table.request(ids[0], [LockRequest("a", .exclusive)])
        #expect(table.blockers(of: ids[0]).isEmpty)
        #expect(table.release(ids[0]) == [ids[1]])
        #expect(table.release(ids[0]).isEmpty)
        #expect(table.release(ids[1]).isEmpty)
        #expect(table.isEmpty)
    }

    /// Random requests against the plain rule: blocked while an earlier conflicting claim is there.
    @Test(arguments: 0..<20) func agreesWithThePlainRule(seed: Int) throws {
        var random = SeededRandom(seed: UInt64(seed) &+ 1)
        var table = LockTable()
        var line: [(job: JobID, locks: [LockRequest], isHeld: Bool)] = []
        for turn in 0..<300 {
            if line.isEmpty || Bool.random(using: &random) {
                let job = try JobID(at: Timestamp(milliseconds: Int64(turn)))
                let locks = ["a", "b", "c"].filter { _ in Bool.random(using: &random) }
                    .map { LockRequest($0, Int.random(in: 0..<3, using: &random) == 0 ? .exclusive : .shared) }
                table.request(job, locks)
                line.append((job, locks, false))
            } else if let index = line.indices.randomElement(using: &random) {
                let wereFree = Set(line.indices.filter { Self.isFree($0, line) }.map { line[$0].job })
                let woken = Set(table.release(line.remove(at: index).job))
                // Who can go now and could not before is told so.
                for index in line.indices where !line[index].isHeld && Self.isFree(index, line) {
                    #expect(wereFree.contains(line[index].job) || woken.contains(line[index].job))
                }
            }
            for index in line.indices where !line[index].isHeld {
                #expect(table.blockers(of: line[index].job).isEmpty == Self.isFree(index, line))
            }
            for index in line.indices where !line[index].isHeld && Self.isFree(index, line) && Bool.random(using: &random) {
                table.grant(line[index].job)
                line[index].isHeld = true
            }
        }
        for entry in line { _ = table.release(entry.job) }
        #expect(table.isEmpty)
    }

    private static func isFree(_ index: Int, _ line: [(job: JobID, locks: [LockRequest], isHeld: Bool)]) -> Bool {
        !line[..<index].contains { earlier in line[index].locks.contains { lock in earlier.locks.contains { $0.conflicts(with: lock) } } }
    }
}

/// A small repeatable generator (SplitMix64).
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
