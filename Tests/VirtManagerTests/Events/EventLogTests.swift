import Hypervisor
import JSON
import JobQueue
import Platform
import TestSupport
import Testing

@testable import VirtManager

extension ManagerBench.Life {
    /// The timeline, oldest first, without the jobs' own events.
    func events(_ kinds: String = "*") async throws -> [Event] {
        var filter = EventFilter()
        filter.kinds = [kinds]
        return try await manager.events.list(filter, after: 0, limit: 10_000).filter { $0.kind != "job.state" || kinds == "job.state" }
    }

    /// The timeline once `count` events of these kinds are in it.
    func events(_ kinds: String, count: Int) async throws -> [Event] {
        var found: [Event] = []
        try await until("\(count) events \(kinds)") {
            found = try await events(kinds)
            return found.count >= count
        }
        #expect(found.count == count, "\(found.map(\.line))")
        return found
    }
}

extension Event {
    /// Kind, origin and what counts of the data.
    var line: String {
        let words = ["from", "to", "reason", "state", "fields"].compactMap { name in
            data[name].map { value in value.stringValue ?? value.text }
        }
        return ([kind, origin.rawValue] + words).joined(separator: " ")
    }
}

@Suite struct EventLogTests {
    @Test func theLifeOfAMachine() async throws {
        try await ManagerBench.with { life in
            let world = life.bench.world
            let made = try await life.end(try await life.manager.machines.create(["name": "web1", "start": true], .sample))
            #expect(made.state == .succeeded)
            let id = try life.machine("web1").id
            _ = try await life.events("vm.*", count: 3)
            try world.virshSuspend(id)
            _ = try await life.events("vm.state", count: 2)
            let resumed = try await life.end(try await life.manager.machines.act(.resume, on: life.machine("web1"), body: nil, .sample))
            #expect(resumed.state == .succeeded)
            world.guestPowersOff(id)
            _ = try await life.events("vm.state", count: 4)
            try world.virshChange(id, MachineChange(description: "by hand", autostart: true))
            _ = try await life.events("vm.changed", count: 1)
            _ = try await life.end(
                try await life.manager.machines.delete("web1", host: nil, disks: "owned", missingOK: false, .sample))
            let events = try await life.events("vm.*", count: 8)
            #expect(
                events.map(\.line) == [
                    "vm.created gantry stopped", "vm.state gantry stopped running booted", "vm.agent gantry connected",
                    "vm.state external running paused user", "vm.state gantry paused running unpaused",
                    "vm.state guest running stopped shutdown", "vm.changed external [\"autostart\",\"description\"]", "vm.deleted gantry",
                ])
            #expect(events.allSatisfy { $0.resource == MachineView.path(id) && $0.data["host"] == "h1" })
            #expect(events.allSatisfy { ($0.job == nil) == ($0.origin != .gantry) })
            #expect(events[0].job == made.id.text)
            #expect(zip(events, events.dropFirst()).allSatisfy { $0.id < $1.id })
            let jobs = try await life.events("job.state").filter { $0.job == made.id.text }
            #expect(jobs.map { $0.data["to"]?.stringValue } == ["queued", "running", "succeeded"])
        }
    }

    @Test func whatWasThereIsNoNewsAndWhatHappenedMeanwhileIs() async throws {
        let world = FakeWorld.standard()
        for (number, name) in [(UInt8(1), "one"), (2, "two"), (3, "three")] {
            try await SampleWorld.machine(world, .running, name: name, number: number)
        }
        let bench = try ManagerBench([world])
        var life = try await bench.start()
        try world.virshDestroy(.sample(1))
        #expect(try await life.events("*", count: 1).map(\.line) == ["vm.state external running stopped destroyed"])
        try await life.stop()

        world.guestPowersOff(.sample(2))
        try world.virshDestroy(.sample(3))
        try world.virshUndefine(.sample(3))
        world.virshSetNetwork("lonely", isActive: true)
        world.addPool("second", path: "/srv/second")
        life = try await bench.start()
        let events = try await life.events("*", count: 5).dropFirst()
        #expect(
            Set(events.map(\.line)) == [
                "vm.state guest running stopped shutdown", "vm.deleted external", "network.state external active", "pool.created external",
            ])
        try await life.stop()
        // Nothing happened: nothing is told.
        life = try await bench.start()
        world.virshSetNetwork("lonely", isActive: false)
        #expect(try await life.events("*", count: 6).last?.line == "network.state external inactive")
        try await life.stop()
    }

    @Test func aDeadDaemonLosesNothing() async throws {
        let world = FakeWorld.standard()
        try await SampleWorld.machine(world, .running)
        let bench = try ManagerBench([world])
        var life = try await bench.start()
        _ = try await life.events()
        world.losesEvents = true
        try world.virshDestroy(.sample(1))
        try await life.kill()
        life = try await bench.start()
        #expect(try await life.events("vm.*", count: 1).map(\.line) == ["vm.state external running stopped destroyed"])
        try await life.stop()
    }

    @Test func aHostThatComesAndGoes() async throws {
        try await ManagerBench.with { life in
            let world = life.bench.world
            world.stopLibvirt()
            let lost = try await life.events("host.state", count: 1)
            #expect(lost[0].resource == "/v1/hosts/h1" && lost[0].data["to"] == "offline" && lost[0].data["from"] == "online")
            world.startLibvirt()
            try await until("the host is back") {
                life.bench.testClock.advance(by: .milliseconds(500))
                return life.state("h1") == .online
            }
            #expect(try await life.events("host.state", count: 2).last?.data["to"] == "online")
        }
    }

    @Test func whatIsToldOnceStaysOnceAndOldOnesGo() async throws {
        var limits = EventLimits()
        limits.rows = 10
        limits.age = .seconds(3600)
        limits.interval = .seconds(60)
        let bench = try ManagerBench(events: limits)
        let life = try await bench.start()
        let start = Timestamp(milliseconds: 1_767_225_600_000)
        func tell(_ number: Int, _ at: Timestamp, once: String? = nil) {
            life.manager.events.tell(Event(at: at, kind: "test.\(number)", resource: "/v1/test", origin: .external), once: once)
        }
        bench.wall.now = start
        tell(1, start, once: "the same")
        tell(2, start, once: "the same")
        for number in 3..<30 { tell(number, start) }
        _ = try await life.events("test.*", count: 28)
        let before = try await life.manager.events.bounds()
        try await until("the oldest are gone") {
            bench.testClock.advance(by: .seconds(61))
            return try await life.manager.events.bounds().first == before.last - 9
        }
        bench.wall.advance(by: .seconds(3601))
        tell(100, bench.wall.now)
        try await until("only the newest is left") {
            bench.testClock.advance(by: .seconds(61))
            return try await life.manager.events.bounds().first == before.last + 1
        }
        try await life.stop()
    }

    @Test func filters() {
        let event = Event(at: .now(), kind: "vm.state", resource: "/v1/vms/a", origin: .guest)
        func matches(_ change: (inout EventFilter) -> Void) -> Bool {
            var filter = EventFilter()
            change(&filter)
            return filter.matches(event)
        }
        #expect(matches { _ in })
        #expect(matches { $0.kinds = ["vm.*"] } && matches { $0.kinds = ["vm.state"] } && matches { $0.kinds = ["*"] })
        #expect(!matches { $0.kinds = ["vm.", "network.*"] } && !matches { $0.kinds = ["vm"] })
        #expect(matches { $0.resources = ["/v1/vms/b", "/v1/vms/a"] } && !matches { $0.resources = ["/v1/vms/"] })
        #expect(matches { $0.origins = [.guest] } && !matches { $0.origins = [.gantry, .external] })
    }
}
