import Hypervisor
import JSON
import JobQueue
import Platform
import TestSupport
import Testing

@testable import VirtManager

@Suite struct StatsTests {
    typealias Life = ManagerBench.Life

    private static func sample(_ seconds: Int, cpu: Int64, read: Int64 = 0, started: Int64? = 1) -> MachineSample {
        var figures = MachineStatistics(id: .sample(1), state: .running)
        figures.cpuTimeNanoseconds = cpu
        var disk = MachineStatistics.Disk(target: "vda")
        disk.readBytes = read
        figures.disks = [disk]
        return MachineSample(figures: figures, at: Timestamp(milliseconds: 0), moment: .seconds(seconds), startedAtMilliseconds: started)
    }

    @Test func ratesAreOfTwoSamples() {
        var usage = MachineUsage(last: Self.sample(0, cpu: 0))
        #expect(usage.cpuPercent == nil && usage.interval == nil)
        usage.take(Self.sample(10, cpu: 15_000_000_000, read: 5000))
        #expect(usage.cpuPercent == 150 && usage.interval == .seconds(10))
        #expect(usage.rate { $0.disks.first?.readBytes } == 500)
    }

    /// A guest that was started anew counts from nothing: that is no negative rate, and no rate at all.
    @Test func countersThatGoBackMakeNoRates() {
        var usage = MachineUsage(last: Self.sample(0, cpu: 9_000_000_000, read: 9000))
        usage.take(Self.sample(10, cpu: 1_000_000_000, read: 10_000))
        #expect(usage.cpuPercent == nil && usage.rate { $0.disks.first?.readBytes } == nil && usage.interval == nil)
        usage.take(Self.sample(20, cpu: 2_000_000_000, read: 3))
        #expect(usage.cpuPercent == 10 && usage.rate { $0.disks.first?.readBytes } == nil)
        // Higher counters of another run are no progress of this one.
        usage.take(Self.sample(30, cpu: 9_000_000_000, started: 2))
        #expect(usage.cpuPercent == nil)
    }

    private static func shown(_ life: Life) async throws -> JSONValue {
        try JSONReader.parse(JSONWriter.encode(try await life.manager.stats.usage(of: life.machine("web1"))))
    }

    private static func with(_ state: RunState, _ body: (Life, FakeWorld) async throws -> Void) async throws {
        let world = FakeWorld.standard()
        try await SampleWorld.machine(world, state)
        try await ManagerBench.with([world]) { life in
            try await until("seen") { (try? life.machine("web1").state) == state }
            try await body(life, world)
        }
    }

    @Test func oneCallPerHostAndInterval() async throws {
        try await Self.with(.running) { life, world in
            let first = try await Self.shown(life)
            #expect(first["state"] == "running" && first["cpu"]?["usage_percent"] == .null && first["interval_ms"] == .null)
            #expect(first["disks"]?.arrayValue?.count == 2 && first["cpu"]?["time_ns"]?.integerValue != nil)
            #expect(world.faults.count(.statistics) == 1)
            world.tick(10)
            try await until("a sleeping sampler") { life.bench.testClock.sleepers > 0 }
            try await until("the next sample") {
                life.bench.testClock.advance(by: .seconds(10))
                return try await Self.shown(life)["interval_ms"] != .null
            }
            let second = try await Self.shown(life)
            #expect(second["cpu"]?["usage_percent"] != .null, "\(second.text)")
            // What is known is told without a call.
            let calls = world.faults.count(.statistics)
            for _ in 0..<5 { _ = try await Self.shown(life) }
            #expect(world.faults.count(.statistics) == calls)
        }
    }

    @Test func aStoppedMachineUsesNothing() async throws {
        try await Self.with(.stopped) { life, world in
            let shown = try await Self.shown(life)
            #expect(shown["state"] == "stopped" && shown["at"] == .null && shown["disks"] == [] && shown["cpu"]?["time_ns"] == .null)
            #expect(world.faults.count(.statistics) == 0)
        }
    }

    /// A host that hangs is asked again when it has answered, and holds up nobody who has something to show.
    @Test func aHostThatHangsHoldsUpNobody() async throws {
        let worlds = [FakeWorld.standard(), FakeWorld.standard(hostname: "host-b")]
        try await SampleWorld.machine(worlds[0], .running)
        try await SampleWorld.machine(worlds[1], .running, name: "web2", number: 2)
        try await ManagerBench.with(worlds) { life in
            try await until("seen") { life.fleet.view.machines.filter { $0.state == .running }.count == 2 }
            let first = try life.machine("web1")
            _ = try await life.manager.stats.usage(of: first)
            worlds[0].faults.hang(.statistics)
            try await until("hanging, the other sampled") {
                life.bench.testClock.advance(by: .seconds(10))
                return !worlds[0].faults.hangingCalls.isEmpty && worlds[1].faults.count(.statistics) >= 2
            }
            #expect(try await life.manager.stats.usage(of: first).usage != nil)
            worlds[0].faults.release()
        }
    }

    // MARK: Addresses

    @Test func addressesHaveSourcesAndAges() async throws {
        try await ManagerBench.with { life in
            try SampleWorld.images(life.bench.world)
            let made = try await life.end(
                try await life.manager.machines.create(["name": "web1", "start": true, "nics": [["network": "default"]]], .sample))
            try #require(made.state == .succeeded, "\(made.failure?.detail ?? "")")
            let machine = try life.machine("web1")
            let known = try await life.manager.machines.addresses(machine, refresh: true)
            #expect(Set(known.map(\.address.address.source)) == [.agent, .lease])
            let calls = life.bench.world.faults.count(.addresses)
            _ = try await life.manager.machines.addresses(machine, refresh: false)
            #expect(life.bench.world.faults.count(.addresses) == calls)
            // A silent agent takes nothing away of what it said.
            life.bench.world.setGuest(machine.id, FakeGuest(agent: .silent))
            let later = try await life.manager.machines.addresses(try life.machine("web1"), refresh: true)
            #expect(Set(later.map(\.address.address.source)) == [.agent, .lease])
            let times = known.filter { $0.address.address.source == .agent }.map(\.address.observedAt)
            #expect(later.filter { $0.address.address.source == .agent }.map(\.address.observedAt) == times)
        }
    }

    /// Where neither agent nor lease knows, the neighbour table may; a host that cannot read it is asked once.
    @Test func theNeighbourTableIsTheLastResort() async throws {
        try await ManagerBench.with { life in
            let world = life.bench.world
            world.defaultGuest = FakeGuest(agent: .absent, hasAddress: false)
            world.faults.plan(.only(.addresses), call: 2, .fail(.operationFailed, "internal error: wrong nlmsg len"))
            let made = try await life.end(
                try await life.manager.machines.create(["name": "web1", "start": true, "nics": [["network": "default"]]], .sample))
            try #require(made.state == .succeeded, "\(made.failure?.detail ?? "")")
            let machine = try life.machine("web1")
            let before = world.faults.count(.addresses)
            #expect(try await life.manager.machines.addresses(machine, refresh: true).isEmpty)
            #expect(world.faults.count(.addresses) == before + 2)
            #expect(try await life.manager.machines.addresses(machine, refresh: true).isEmpty)
            #expect(world.faults.count(.addresses) == before + 3)
        }
    }
}
