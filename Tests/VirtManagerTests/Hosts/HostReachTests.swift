import Hypervisor
import JSON
import JobQueue
import TestSupport
import Testing

@testable import VirtManager

/// Hosts that hang, go and come back; others that act behind our back.
@Suite struct HostReachTests {
    typealias Life = ManagerBench.Life

    private static func twoHosts(_ body: (Life, FakeWorld, TestClock) async throws -> Void) async throws {
        let worlds = [FakeWorld.standard(), .standard(hostname: "host-b")]
        try await SampleWorld.machine(worlds[0], .running, name: "a", number: 1)
        try await SampleWorld.machine(worlds[1], .running, name: "b", number: 2)
        try await ManagerBench.with(worlds) { life in try await body(life, worlds[0], life.bench.testClock) }
    }

    /// Moves the clock on until `isTrue`.
    private static func advance(
        _ clock: TestClock, by step: Duration = .seconds(2), until what: String, _ isTrue: () throws -> Bool
    ) async throws {
        try await VirtManagerTests.until(what) {
            if try isTrue() { return true }
            clock.advance(by: step)
            return false
        }
    }

    @Test func aHungHostIsSuspectAndStaleAndTheOtherIsNot() async throws {
        try await Self.twoHosts { life, world, clock in
            world.faults.hang(.ping)
            try await Self.advance(clock, until: "suspect") { life.state("h1") == .suspect }
            #expect(try life.machine("a").isStale)
            #expect(try !life.machine("b").isStale && life.state("h2") == .online)
            #expect(try life.machine("a").state == .running, "the last view is served")
            #expect(life.manager.isReady)
            let other = try await life.manager.machines.act(.pause, on: life.machine("b"), body: nil, .sample)
            #expect(try await life.end(other).state == .succeeded)
            // What others did meanwhile shows after it heals.
            world.losesEvents = true
            try world.virshSuspend(.sample(1))
            world.losesEvents = false
            world.faults.release()
            try await until("healed") { life.state("h1") == .online }
            try await until("listed anew") { try life.machine("a").state == .paused && !life.machine("a").isStale }
        }
    }

    @Test func aHostThatTimesOutGoesOffline() async throws {
        try await Self.twoHosts { life, world, clock in
            world.faults.fail(.ping, times: nil, with: .timeout)
            try await Self.advance(clock, until: "offline") { life.state("h1") == .offline }
            let error = try await refusal { _ = try await life.manager.machines.act(.stop, on: life.machine("a"), body: nil, .sample) }
            #expect(error.code == "host.offline" && error.isRetryable && error.category == .temporary)
            #expect(life.state("h2") == .online)
            world.faults.clear()
            try await Self.advance(clock, until: "online again") { life.state("h1") == .online }
        }
    }

    /// A driver that cannot tell its free memory answers nevertheless.
    @Test func anErrorIsAnAnswerToo() async throws {
        try await Self.twoHosts { life, world, clock in
            world.faults.fail(.ping, times: nil, with: .unsupported)
            let before = world.faults.count(.ping)
            try await Self.advance(clock, until: "ten beats") { world.faults.count(.ping) >= before + 10 }
            #expect(life.state("h1") == .online)
            #expect(try !life.machine("a").isStale)
        }
    }

    @Test func libvirtDiesAndComesBackWithoutARestart() async throws {
        try await Self.twoHosts { life, world, clock in
            world.stopLibvirt()
            try await until("offline") { life.state("h1") == .offline }
            #expect(try life.machine("a").isStale)
            world.guestPowersOff(.sample(1))
            world.startLibvirt()
            try await Self.advance(clock, until: "online") { life.state("h1") == .online }
            #expect(try life.machine("a").state == .stopped)
        }
    }

    @Test func aJobWaitsForItsHost() async throws {
        try await Self.twoHosts { life, world, clock in
            world.faults.plan(.only(.suspend), .run { $0.stopLibvirt() })
            let outcome = try await life.manager.machines.act(.pause, on: life.machine("a"), body: nil, .sample)
            guard case .job(let job) = outcome else { return }
            try await until("waiting") { life.manager.engine.board[job.id]?.state == .waiting }
            #expect(life.manager.engine.board[job.id]?.blockedBy == ["/v1/hosts/h1"])
            world.startLibvirt()
            try await Self.advance(clock, until: "ended") { life.manager.engine.board[job.id]?.state.isTerminal == true }
            #expect(try await life.end(job).state == .succeeded)
            #expect(world.inventory().machines.first?.state == .paused)
        }
    }

    @Test func changesOfOthersShowUp() async throws {
        try await Self.twoHosts { life, world, _ in
            try world.virshSuspend(.sample(1))
            try await until("paused") { try life.machine("a").state == .paused }
            try world.virshDestroy(.sample(1))
            try await until("stopped") { try life.machine("a").state == .stopped }
            try world.virshDefine(FakeDefinition(id: .sample(7), name: "Foreign VM"))
            try await until("defined") { (try? life.machine("Foreign VM"))?.isManaged == false }
            try world.virshUndefine(.sample(7))
            try await until("gone") { (try? life.machine("Foreign VM")) == nil }
            world.virshSetNetwork("lonely", isActive: true)
            try await until("network") { try life.manager.networks.get("lonely", host: "h1").observation.isActive }
        }
    }

    @Test func lostEventsAreMadeUpForByTheNextListing() async throws {
        try await Self.twoHosts { life, world, clock in
            world.losesEvents = true
            try world.virshDestroy(.sample(1))
            try world.virshDefine(FakeDefinition(id: .sample(8), name: "new"))
            #expect(try life.machine("a").state == .running)
            try await Self.advance(clock, by: .seconds(15), until: "listed anew") {
                try life.machine("a").state == .stopped && (try? life.machine("new")) != nil
            }
        }
    }

    @Test func helpersAreNeverShownAndAreSwept() async throws {
        let world = FakeWorld.standard()
        let ours = "gantry-work-\(ManagerBench.installation.prefix(8))-probe-tcg"
        try world.virshCreate(FakeDefinition(id: .sample(1), name: ours))
        try world.virshCreate(FakeDefinition(id: .sample(2), name: "gantry-work-ffffffff-probe-tcg"))
        try await ManagerBench.with([world]) { life in
            try await until("swept") { world.inventory().machineNames == ["gantry-work-ffffffff-probe-tcg"] }
            #expect(life.fleet.view.machines.isEmpty)
        }
    }

    /// A trial boot that we end looks like one that has come to its end.
    @Test func aTrialBootOutlivesAReconnect() async throws {
        let prefix = "gantry-work-\(ManagerBench.installation.prefix(8))-"
        try await ManagerBench.with([.standard()]) { life in
            let (world, clock) = (life.bench.world, life.bench.testClock)
            try world.virshCreate(FakeDefinition(id: .sample(1), name: "\(prefix)probe-kvm"))
            try world.virshCreate(FakeDefinition(id: .sample(2), name: "\(prefix)deadbeef"))
            world.stopLibvirt()
            try await until("offline") { life.state("h1") == .offline }
            world.startLibvirt()
            try await Self.advance(clock, until: "online") { life.state("h1") == .online }
            try await Self.advance(clock, until: "swept") { !world.inventory().machineNames.contains("\(prefix)deadbeef") }
            #expect(world.inventory().machineNames == ["\(prefix)probe-kvm"])
        }
    }

    /// All that is looked at for a listing is looked at once.
    @Test func helpersCostNoListingOfTheirOwn() async throws {
        try await ManagerBench.with([.standard()]) { life in
            let (faults, clock) = (life.bench.world.faults, life.bench.testClock)
            let before = (networks: faults.count(.networks), machines: faults.count(.machines))
            try await Self.advance(clock, by: .seconds(30), until: "listed some times") { faults.count(.networks) >= before.networks + 5 }
            #expect(faults.count(.machines) - before.machines <= faults.count(.networks) - before.networks)
        }
    }

    /// What uses a volume is not known before the machines were listed.
    @Test func aJobOfAnEarlierLifeWaitsForTheFirstListing() async throws {
        let world = FakeWorld.standard()
        try SampleWorld.images(world)
        let bench = try ManagerBench([world])
        world.faults.hang(.deleteVolume)
        var life = try await bench.start()
        let outcome = try await life.manager.storage.deleteVolume(
            pool: "default", volume: "data.qcow2", host: nil, missingOK: false, .sample)
        guard case .job(let job) = outcome else { throw NotReached(description: "a job") }
        await world.faults.hangingCall(.only(.deleteVolume))
        try await life.kill()
        world.faults.clear()
        world.faults.hang(.machines)
        world.faults.forgetCalls()
        life = try await bench.start(waits: false)
        await world.faults.hangingCall(.only(.machines))
        try await until("it waits") { try life.manager.engine.job(job.id)?.state == .waiting }
        #expect(world.faults.count(.deleteVolume) == 0)
        world.faults.clear()
        #expect(try await life.end(job).state == .succeeded)
        #expect(world.faults.count(.deleteVolume) == 1)
        try await life.stop()
    }

    @Test func anUnknownNameIsNotSaidToBeAbsentBeforeTheFirstListing() async throws {
        let bench = try ManagerBench()
        bench.world.faults.hang(.machines)
        let life = try await bench.start(waits: false)
        await bench.world.faults.hangingCall(.only(.machines))
        #expect(!life.manager.isReady)
        let early = try await refusal { _ = try life.machine("web1") }
        #expect(early.code == "host.not_ready" && early.isRetryable && early.retryAfterSeconds != nil)
        let create = try await refusal { _ = try await life.manager.machines.create(["name": "web1"], .sample) }
        #expect(create.category == .temporary)
        try await Self.advance(bench.testClock, until: "two seconds are over") { life.manager.isReady }
        let late = try await refusal { _ = try life.machine("web1") }
        #expect(late.code == "vm.not_found" && late.hints.first?.contains("h1") == true)
        bench.world.faults.clear()
        try await until("online") { life.state("h1") == .online }
        try await life.stop()
    }
}
