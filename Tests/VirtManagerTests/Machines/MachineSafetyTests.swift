import Hypervisor
import JSON
import JobQueue
import TestSupport
import Testing

@testable import VirtManager

/// What must never happen to a machine and its disks, whatever is asked for once more or at the same time.
@Suite struct MachineSafetyTests {
    typealias Life = ManagerBench.Life

    private static func job<Value>(_ outcome: Outcome<Value>, location: SourceLocation = #_sourceLocation) throws -> Job {
        guard case .job(let job) = outcome else {
            Issue.record("no job: \(outcome)", sourceLocation: location)
            throw NotReached(description: "a job")
        }
        return job
    }

    private static func act(_ life: Life, _ action: MachineAction, _ body: JSONValue? = nil) async throws -> Job {
        try job(try await life.manager.machines.act(action, on: life.machine("web1"), body: body, .sample))
    }

    // MARK: Retries

    /// The create failed at its gate: the machine runs, its disk has data. A second one must not make it anew, nor undo it.
    @Test(arguments: [true, false])
    func aRetryAfterTheGateLeavesTheMachine(_ isStopped: Bool) async throws {
        let world = FakeWorld.standard()
        world.defaultGuest = FakeGuest(agent: .absent)
        try await ManagerBench.with([world]) { life in
            let made = try await life.end(
                try await life.manager.machines.create(
                    ["name": "web1", "disks": [["size": "1GiB"]], "wait_for": ["agent"], "wait_timeout": "5s"], .sample))
            #expect(made.state == .failed && made.failure?.code == "gate.agent_timeout")
            if isStopped { _ = try await life.end(try await Self.act(life, .stop)) }
            let before = world.inventory()
            #expect(before.machineNames == ["web1"] && before.volumes.contains { $0.format == "qcow2" })
            do {
                let again = try await life.end(try await life.manager.jobs.retry(made.id.text, .sample))
                #expect(again.state == .failed && again.failure?.code == "vm.exists", "\(again.failure?.detail ?? "")")
            } catch let error as ServiceError {
                #expect(error.code == "vm.exists")
            }
            #expect(world.inventory() == before)
            #expect(try life.machine("web1").isManaged)
        }
    }

    @Test func whatSucceededIsNotRetried() async throws {
        try await ManagerBench.with { life in
            let made = try await life.end(
                try await life.manager.machines.create(["name": "web1", "disks": [["size": "1GiB"]]], .sample))
            #expect(made.state == .succeeded)
            let before = life.bench.world.inventory()
            let error = try await refusal { _ = try await life.manager.jobs.retry(made.id.text, .sample) }
            #expect(error.code == "job.succeeded" && error.category == .state && error.job == made.id)
            #expect(life.bench.world.inventory() == before)
            #expect(try await life.manager.jobs.list(JobFilter(), after: nil, limit: 10).count == 1)
        }
    }

    // MARK: Copies

    /// `virsh dumpxml | virsh define` with another UUID: the mark comes along, but the machine is not ours.
    @Test(arguments: ["owned", "all"])
    func aCopyWithTheMarkOfAnotherIsNotOurs(_ disks: String) async throws {
        let world = FakeWorld.standard()
        try await SampleWorld.machine(world, .stopped)
        var original = try #require(world.inventory().machines.first?.metadata)
        original.machine = MachineID.sample(1).text
        try world.virshChange(.sample(1), MachineChange(metadata: original))
        let host = FakeHost(world)
        _ = try await host.connect()
        try await host.define(
            .sample(
                2, name: "copy", disks: ["web1-vda.qcow2", "web1-vdb.qcow2"].map { "\(SampleWorld.pool)/\($0)" },
                consoleLogPath: "\(SampleWorld.pool)/web1.console.log", metadata: original))
        world.detach(host)
        try await ManagerBench.with([world]) { life in
            #expect(try life.machine("web1").isManaged)
            let copy = try life.machine("copy")
            #expect(!copy.isManaged && copy.disks.allSatisfy { !$0.isOwned })
            let shown = try JSONReader.parse(JSONWriter.encode(copy))
            #expect(shown["managed"] == false)
            let volumes = world.inventory().volumeNames
            let end = try await life.end(
                try await life.manager.machines.delete("copy", host: nil, disks: disks, missingOK: false, .sample))
            #expect(end.state == .succeeded, "\(end.failure?.detail ?? "")")
            #expect(world.inventory().machineNames == ["web1"])
            #expect(world.inventory().volumeNames == volumes)
        }
    }

    /// An overlay of another tool on our machine's disk: the delete fails before it has touched anything.
    @Test func anOverlayThatNobodyToldOfKeepsTheMachine() async throws {
        let world = FakeWorld.standard()
        try await SampleWorld.machine(world, .running)
        try await ManagerBench.with([world]) { life in
            var image = QCOW2Builder()
            image.backingOffset = 512
            image.backingName = "web1-vda.qcow2"
            image.backingLength = UInt32(image.backingName.utf8.count)
            world.placeFile("\(SampleWorld.pool)/snap.qcow2", image.build())
            let before = world.inventory()
            let end = try await life.end(
                try await life.manager.machines.delete("web1", host: nil, disks: "owned", missingOK: false, .sample))
            #expect(end.state == .failed && end.failure?.code == "volume.in_use", "\(end.state)")
            #expect(world.inventory().machines == before.machines && world.inventory().files == before.files)
        }
    }

    // MARK: Power

    @Test func aStopEndsAnHourOfGrace() async throws {
        let world = FakeWorld.standard()
        try await SampleWorld.machine(world, .running)
        world.setGuest(.sample(1), FakeGuest(shutdown: .ignores))
        try await ManagerBench.with([world]) { life in
            let began = life.bench.testClock.now
            world.faults.hang(.requestShutdown)
            let shutdown = try await Self.act(life, .shutdown, ["grace": "1h"])
            await world.faults.hangingCall(.only(.requestShutdown))
            let stop = try await Self.act(life, .stop)
            world.faults.release()
            let ends = try await (life.end(shutdown), life.end(stop))
            #expect(ends.0.state == .succeeded && ends.1.state == .succeeded, "\(ends.0.failure?.detail ?? "")")
            #expect(began.duration(to: life.bench.testClock.now) < .seconds(60))
            #expect(world.inventory().machines.first?.state == .stopped)
        }
    }

    /// The haste is over with the stop: the next shutdown gives its guest the time it was asked to.
    @Test func theNextShutdownHasItsGraceAgain() async throws {
        let world = FakeWorld.standard()
        try await SampleWorld.machine(world, .running)
        world.setGuest(.sample(1), FakeGuest(shutdown: .ignores))
        try await ManagerBench.with([world]) { life in
            world.faults.hang(.requestShutdown)
            let first = try await Self.act(life, .shutdown, ["grace": "1h"])
            await world.faults.hangingCall(.only(.requestShutdown))
            let stop = try await Self.act(life, .stop)
            world.faults.release()
            _ = try await (life.end(first), life.end(stop))
            try await Self.expectGrace(life)
        }
    }

    /// A stop that comes when the guest has just gone off by itself leaves no haste behind either.
    @Test func aStopThatComesTooLateLeavesNoHaste() async throws {
        let world = FakeWorld.standard()
        try await SampleWorld.machine(world, .running)
        let bench = try ManagerBench([world])
        let isAtEnd = SharedFlag()
        let mayEnd = SharedFlag()
        let life = try await bench.start { site, _ in
            guard site == FailPointSite(kind: "vm.shutdown", step: "shutdown", point: .afterAct), !isAtEnd.isSet else { return }
            isAtEnd.set()
            try await until("the stop is asked for") { mayEnd.isSet }
        }
        let first = try await Self.act(life, .shutdown, ["grace": "1h"])
        try await until("the guest is off") { isAtEnd.isSet }
        let late = try await life.manager.machines.act(.stop, on: life.machine("web1"), body: nil, .sample)
        mayEnd.set()
        #expect(try await life.end(first).state == .succeeded)
        if case .job(let stop) = late { #expect(try await life.end(stop).state == .succeeded) }
        try await Self.expectGrace(life)
        try await life.stop()
    }

    /// Starts the machine with a guest that ignores requests, and sees that a shutdown waits all its grace for it.
    private static func expectGrace(_ life: Life, location: SourceLocation = #_sourceLocation) async throws {
        try await until("nothing in hand") { try life.machine("web1").activeJob == nil && life.machine("web1").state == .stopped }
        _ = try await life.end(try await act(life, .start))
        life.bench.world.setGuest(.sample(1), FakeGuest(shutdown: .ignores))
        try await until("it runs") { try life.machine("web1").activeJob == nil && life.machine("web1").state == .running }
        let began = life.bench.testClock.now
        let end = try await life.end(try await act(life, .shutdown, ["grace": "10s", "then": "fail"]))
        #expect(end.failure?.code == "vm.shutdown_timeout", sourceLocation: location)
        #expect(
            began.duration(to: life.bench.testClock.now) >= .seconds(10), "the plug would have been pulled at once",
            sourceLocation: location)
    }

    // MARK: PUT

    /// The machine is there and runs, but it is not what was asked for until its gate is passed.
    @Test func putAnswersTheCreateThatStillWaits() async throws {
        try await ManagerBench.with { life in
            let world = life.bench.world
            world.faults.hang(.pingAgent)
            let body: JSONValue = ["nics": [], "wait_for": ["agent"]]
            let made = try Self.job(try await life.manager.machines.put("web1", body, .sample))
            await world.faults.hangingCall(.only(.pingAgent))
            try await until("it is shown as running") { (try? life.machine("web1"))?.state == .running }
            let again = try Self.job(try await life.manager.machines.put("web1", body, .sample))
            #expect(again.id == made.id)
            world.faults.release()
            #expect(try await life.end(made).state == .succeeded)
            try await until("nothing in hand") { try life.machine("web1").activeJob == nil }
            guard case .unchanged = try await life.manager.machines.put("web1", body, .sample) else {
                Issue.record("not confirmed")
                return
            }
        }
    }

    @Test func aDiskOfNoSizeIsRefused() async throws {
        try await ManagerBench.with { life in
            for disk: JSONValue in [
                ["pool": "default", "size": .null], ["pool": "default"], ["size": .null, "volume": .null, "from": .null],
            ] {
                let error = try await refusal {
                    _ = try await life.manager.machines.create(["name": "web1", "disks": [disk]], .sample)
                }
                #expect(error.category == .invalid && error.problems.map(\.pointer) == ["/disks/0/size"], "\(disk.text)")
            }
            #expect(life.bench.world.inventory().machines.isEmpty && life.bench.world.inventory().volumes.isEmpty)
        }
    }

    /// The host gives memory in MiB and disks in sectors: what was rounded is still what was asked for.
    @Test func whatIsRoundedIsConfirmed() async throws {
        try await ManagerBench.with { life in
            let body: JSONValue = ["memory": "300MB", "disks": [["size": 1_000_000_001]]]
            let made = try await life.end(try await life.manager.machines.put("web1", body, .sample))
            #expect(made.state == .succeeded, "\(made.failure?.detail ?? "")")
            let hardware = try life.machine("web1").observation.hardware
            #expect(hardware.memoryBytes % (1 << 20) == 0 && hardware.memoryBytes >= 300_000_000)
            guard case .unchanged = try await life.manager.machines.put("web1", body, .sample) else {
                Issue.record("not confirmed")
                return
            }
        }
    }
}
