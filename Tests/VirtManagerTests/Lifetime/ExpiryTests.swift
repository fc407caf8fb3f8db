import Hypervisor
import JSON
import JobQueue
import Platform
import TestSupport
import Testing

@testable import VirtManager

@Suite struct ExpiryTests {
    typealias Life = ManagerBench.Life

    static let start = Timestamp(milliseconds: 1_767_225_600_000)

    /// A world with `web1`, made at `start`, that lives for `lifetime`.
    private static func bench(_ lifetime: Duration, state: RunState = .running, installation: String? = nil) async throws -> ManagerBench {
        let world = FakeWorld.standard()
        try await SampleWorld.machine(world, state, installation: installation ?? ManagerBench.installation)
        let bench = try ManagerBench([world])
        bench.wall.now = start
        try move(world, to: start.advanced(by: lifetime))
        return bench
    }

    private static func move(_ world: FakeWorld, to end: Timestamp) throws {
        guard var metadata = world.inventory().machines.first?.metadata else { throw NotReached(description: "a machine with our mark") }
        metadata.expiresAtMilliseconds = end.milliseconds
        try world.virshChange(.sample(1), MachineChange(metadata: metadata))
    }

    /// Both clocks go on together, a few seconds at a time; the keeper looks after each stride.
    private static func pass(_ bench: ManagerBench, _ duration: Duration) async throws {
        var left = duration
        while left > .zero {
            let stride = min(left, .seconds(3))
            left -= stride
            bench.wall.advance(by: stride)
            bench.testClock.advance(by: stride)
            try await VirtManagerTests.until("the keeper sleeps again") { bench.testClock.hasSleeper(within: .seconds(1)) }
        }
    }

    /// Lets time pass until something is so.
    private static func until(_ what: String, _ bench: ManagerBench, _ isTrue: () async throws -> Bool) async throws {
        try await VirtManagerTests.until(what) {
            if try await isTrue() { return true }
            try await pass(bench, .seconds(1))
            return false
        }
    }

    private static func deletions(_ life: Life) async throws -> [Job] {
        var filter = JobFilter()
        filter.kinds = ["vm.delete"]
        return try await life.manager.jobs.list(filter, after: nil, limit: 100)
    }

    @Test func anExpiredMachineGoesWithWhatItOwns() async throws {
        let bench = try await Self.bench(.seconds(600))
        var life = try await bench.start()
        try await Self.pass(bench, .seconds(500))
        #expect(try await life.events("vm.exp*").isEmpty)
        try await Self.until("the coming end is told", bench) { try await life.events("vm.expiring").count == 1 }
        let told = try await life.events("vm.expiring")[0]
        #expect(told.origin == .gantry && told.data["expires_at"] == "2026-01-01T00:10:00.000Z" && told.data["name"] == "web1")
        let early = bench.wall.now.milliseconds - Self.start.milliseconds
        #expect((540_000..<600_000).contains(early), "told \(early) ms after the beginning")
        #expect(try life.machine("web1").state == .running)

        // It is told once, whoever tells it.
        try await life.stop()
        life = try await bench.start()
        try await Self.until("the end", bench) { bench.world.inventory().machines.isEmpty }
        #expect(bench.wall.now >= Self.start.advanced(by: .seconds(600)))
        try await VirtManagerTests.until("its volumes are gone") { bench.world.inventory().volumes.isEmpty }
        let jobs = try await Self.deletions(life)
        #expect(jobs.count == 1 && jobs[0].requestor == Requestor(kind: "system", name: "expiry"))
        let events = try await life.events("vm.exp*", count: 2)
        #expect(events.map(\.kind) == ["vm.expiring", "vm.expired"] && events[1].job == jobs[0].id.text)
        try await life.stop()
    }

    @Test func aLaterEndIsHeeded() async throws {
        let bench = try await Self.bench(.seconds(60))
        let life = try await bench.start()
        try await Self.pass(bench, .seconds(57))
        try Self.move(bench.world, to: Self.start.advanced(by: .seconds(300)))
        try await VirtManagerTests.until("the new end is seen") {
            try life.machine("web1").observation.metadata?.expiresAtMilliseconds == Self.start.milliseconds + 300_000
        }
        try await Self.pass(bench, .seconds(60))
        #expect(try life.machine("web1").state == .running)
        #expect(try await life.events("vm.expired").isEmpty)
        try await Self.until("the end", bench) { bench.world.inventory().machines.isEmpty }
        #expect(bench.wall.now >= Self.start.advanced(by: .seconds(300)))
        try await life.stop()
    }

    @Test func anEndThatIsMovedAtTheLastMomentCounts() async throws {
        let bench = try await Self.bench(.seconds(60))
        let life = try await bench.start()
        // The deletion is in line behind a change that moves the end.
        bench.world.faults.hang(.change)
        let change = try await life.manager.machines.update(life.machine("web1"), patch: ["description": "x"], .sample)
        await bench.world.faults.hangingCall(.only(.change))
        try await Self.until("the deletion is in line", bench) { try await !Self.deletions(life).isEmpty }
        try Self.move(bench.world, to: Self.start.advanced(by: .seconds(6000)))
        bench.world.faults.release()
        _ = try await life.end(change)
        let end = try await life.end(try #require(try await Self.deletions(life).first))
        #expect(end.state == .failed && end.failure?.code == "vm.not_expired", "\(end.state) \(String(describing: end.failure))")
        #expect(bench.world.inventory().machines.count == 1)
        try await life.stop()
    }

    /// Another daemon took it over while the deletion was in line.
    @Test func aMachineThatIsNotOursAnyMoreStays() async throws {
        let bench = try await Self.bench(.seconds(60))
        let life = try await bench.start()
        bench.world.faults.hang(.change)
        let change = try await life.manager.machines.update(life.machine("web1"), patch: ["description": "x"], .sample)
        await bench.world.faults.hangingCall(.only(.change))
        try await Self.until("the deletion is in line", bench) { try await !Self.deletions(life).isEmpty }
        var metadata = try #require(bench.world.inventory().machines.first?.metadata)
        metadata.installation = "another"
        try bench.world.virshChange(.sample(1), MachineChange(metadata: metadata))
        bench.world.faults.release()
        _ = try await life.end(change)
        let end = try await life.end(try #require(try await Self.deletions(life).first))
        #expect(end.state == .failed && end.failure?.code == "vm.not_expired", "\(end.state) \(String(describing: end.failure))")
        #expect(bench.world.inventory().machines.count == 1)
        try await life.stop()
    }

    @Test func onlyOurs() async throws {
        let bench = try await Self.bench(.seconds(30), installation: "another")
        let life = try await bench.start()
        try await Self.pass(bench, .seconds(90))
        #expect(try life.machine("web1").state == .running)
        #expect(try await life.events("vm.exp*").isEmpty)
        try await life.stop()
    }

    @Test func aDeletionThatFailsComesAgainLaterAndLater() async throws {
        let bench = try await Self.bench(.seconds(60))
        bench.world.faults.fail(.destroy, times: 2, "it will not go")
        var life = try await bench.start()
        try await Self.until("the first deletion has failed", bench) {
            try await Self.deletions(life).first.map { $0.state == .failed } ?? false
        }
        let first = bench.wall.now
        // Death and a new life: neither a second job at once, nor none at all.
        try await life.kill()
        life = try await bench.start()
        try await Self.until("the second deletion has failed", bench) { try await Self.deletions(life).count { $0.state == .failed } == 2 }
        let second = bench.wall.now
        try await Self.until("the third has not", bench) { bench.world.inventory().machines.isEmpty }
        let third = bench.wall.now
        #expect(second.milliseconds - first.milliseconds >= 28_000)
        #expect(third.milliseconds - second.milliseconds >= 58_000)
        try await VirtManagerTests.until("all ended") { try await Self.deletions(life).allSatisfy(\.state.isTerminal) }
        #expect(try await Self.deletions(life).count == 3)
        #expect(try await life.events("vm.expired").count == 1)
        #expect(try await life.events("vm.expiry_failed").count == 2)
        try await life.stop()
    }

    @Test func killedAtTheEndThereIsOneJob() async throws {
        let bench = try await Self.bench(.seconds(30))
        bench.world.faults.hang(.destroy)
        var life = try await bench.start()
        try await Self.until("the deletion is under way", bench) { try await !Self.deletions(life).isEmpty }
        await bench.world.faults.hangingCall(.only(.destroy))
        try await life.kill()
        bench.world.faults.clear()
        life = try await bench.start()
        try await Self.until("the end", bench) { bench.world.inventory().machines.isEmpty }
        #expect(try await Self.deletions(life).count == 1)
        try await life.stop()
    }

    @Test func anAbsentHostsMachinesGoWhenItIsBack() async throws {
        let bench = try await Self.bench(.seconds(30))
        let life = try await bench.start()
        bench.world.stopLibvirt()
        try await Self.until("the host is away", bench) { life.state("h1") == .offline }
        try await Self.pass(bench, .seconds(60))
        #expect(try await Self.deletions(life).isEmpty)
        bench.world.startLibvirt()
        try await Self.until("the end", bench) { bench.world.inventory().machines.isEmpty }
        try await life.stop()
    }

    @Test func aClockThatLeapsDeletesNothing() async throws {
        let bench = try await Self.bench(.seconds(3600))
        let life = try await bench.start()
        try await Self.pass(bench, .seconds(5))
        // An hour and a half too far, and back again.
        bench.wall.advance(by: .seconds(5400))
        try await Self.pass(bench, .seconds(30))
        bench.wall.advance(by: .seconds(-5400))
        try await Self.pass(bench, .seconds(90))
        #expect(try life.machine("web1").state == .running)
        // A leap that stays is believed in the end.
        bench.wall.advance(by: .seconds(5400))
        try await Self.until("the end", bench) { bench.world.inventory().machines.isEmpty }
        try await life.stop()
    }

    @Test func theCourseOfTime() {
        #expect(ExpirySchedule.lead(createdAt: 0, expiresAt: 100_000) == 10_000)
        #expect(ExpirySchedule.lead(createdAt: 0, expiresAt: 86_400_000) == 300_000)
        #expect(ExpirySchedule.lead(createdAt: 0, expiresAt: 1000) == 5000)
        #expect(ExpirySchedule.lead(createdAt: .min, expiresAt: .max) == 5000)
        #expect(
            (1...9).map { ExpirySchedule.distance(failures: $0) } == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600].map { .seconds($0) })
        var trust = ClockTrust()
        func judge(_ wall: Int64, _ steady: Int) -> ClockTrust.Verdict {
            trust.judge(wall: Timestamp(milliseconds: wall * 1000), steady: .seconds(steady))
        }
        #expect(judge(1000, 0) == .trusted && judge(1001, 1) == .trusted && judge(1011, 2) == .trusted)
        #expect(judge(2000, 3) == .leapt && judge(2001, 4) == .waiting && judge(2060, 62) == .waiting)
        #expect(judge(2061, 63) == .trusted && judge(10, 64) == .trusted)
    }
}
