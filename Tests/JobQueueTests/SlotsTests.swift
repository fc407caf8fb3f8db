import JSON
import Platform
import Testing

@testable import JobQueue

@Suite struct SlotsTests {
    private func job(_ priority: JobPriority = .user, host: String? = nil) throws -> Job {
        Job(
            JobRequest(
                id: try JobID(at: .now()), kind: "toy", arguments: .null, resources: [], locks: [], host: host, priority: priority),
            createdAt: .now())
    }

    @Test func stopHasSlotsOfItsOwn() throws {
        var slots = Slots(JobLimits(global: 2, perHost: 2, reservedForStop: 1))
        let users = try (0..<3).map { _ in try job(host: "h") }
        let stops = try (0..<2).map { _ in try job(.stop, host: "h") }
        for job in users + stops { slots.enqueue(job) }
        #expect(slots.next() == stops[0].id)
        #expect(slots.next() == stops[1].id)
        // Two run; the third slot is for a stop only.
        #expect(slots.next() == nil)
        slots.free(stops[0].id)
        #expect(slots.next() == users[0].id)
        let late = try job(.stop, host: "h")
        slots.enqueue(late)
        #expect(slots.next() == late.id)
        #expect(slots.next() == nil)
        for job in [stops[1], users[0], late] { slots.free(job.id) }
        #expect(slots.next() == users[1].id)
        #expect(slots.next() == users[2].id)
        slots.free(users[1].id)
        slots.free(users[2].id)
        #expect(slots.isEmpty)
    }

    @Test func aFullHostDoesNotHoldUpOthers() throws {
        var slots = Slots(JobLimits(global: 10, perHost: 1, reservedForStop: 0))
        let first = try job(host: "a")
        let second = try job(host: "a")
        let other = try job(host: "b")
        for job in [first, second, other] { slots.enqueue(job) }
        #expect(slots.next() == first.id)
        #expect(slots.next() == other.id)
        #expect(slots.next() == nil)
        slots.free(first.id)
        #expect(slots.next() == second.id)
    }

    @Test func aJobIsInLineOnceHoweverOftenItIsPutThere() throws {
        var slots = Slots(JobLimits(global: 5, perHost: 1, reservedForStop: 0))
        let one = try job(host: "a")
        slots.enqueue(one)
        slots.enqueue(one)
        #expect(slots.next() == one.id)
        slots.enqueue(one)
        #expect(slots.next() == nil)
        slots.free(one.id)
        slots.free(one.id)
        #expect(slots.isEmpty)
        let two = try job(host: "a")
        slots.enqueue(two)
        #expect(slots.next() == two.id)
    }

    @Test func aHigherClassGoesFirstOnEveryHostButNotForEver() throws {
        var slots = Slots(JobLimits(global: 1, perHost: 1, reservedForStop: 0))
        let upkeep = try job(.maintenance, host: "a")
        slots.enqueue(upkeep)
        var overtaken = 0
        for _ in 0..<3000 {
            let user = try job(host: "b")
            slots.enqueue(user)
            guard let next = slots.next() else { break }
            slots.free(next)
            if next == upkeep.id { break }
            overtaken += 1
        }
        #expect(overtaken == 999)
    }

    @Test func whoIsRemovedIsNotStarted() throws {
        var slots = Slots(JobLimits())
        let gone = try job()
        let stays = try job()
        slots.enqueue(gone)
        slots.enqueue(stays)
        slots.remove(gone)
        slots.remove(gone)
        #expect(slots.next() == stays.id)
        #expect(slots.next() == nil)
    }
}
