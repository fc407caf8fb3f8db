import Hypervisor
import JSON
import JobQueue
import Platform
import TestSupport
import Testing

@testable import VirtManager

@Suite struct GateTests {
    typealias Life = ManagerBench.Life

    private static func act(_ life: Life, _ action: MachineAction, _ body: JSONValue) async throws -> Job {
        try await life.end(try await life.manager.machines.act(action, on: life.machine("web1"), body: body, .sample))
    }

    private static func with(_ state: RunState, _ body: (Life, FakeWorld) async throws -> Void) async throws {
        let world = FakeWorld.standard()
        try await SampleWorld.machine(world, state)
        try await ManagerBench.with([world]) { life in
            try await until("seen") { (try? life.machine("web1")) != nil }
            try await body(life, world)
        }
    }

    @Test func consoleAndPort() async throws {
        try await Self.with(.stopped) { life, _ in
            let end = try await Self.act(life, .start, ["wait_for": ["console:^web1 login:", "tcp:22", "console:login"]])
            #expect(end.state == .succeeded, "\(end.failure?.detail ?? "")")
            #expect(end.steps.map(\.name) == ["prepare", "start", "settle", "wait-console", "wait-tcp-22", "wait-console-again-1"])
        }
    }

    @Test func aGateThatStaysShutTellsWhatWasTriedAndWhatTheGuestSaid() async throws {
        try await Self.with(.running) { life, world in
            world.guestPrints(.sample(1), "\u{1b}[1mkernel panic\u{1b}[0m\r\nat init\r\n")
            let port = try await Self.act(life, .start, ["wait_for": ["tcp:23"], "wait_timeout": "2s"])
            #expect(port.state == .failed && port.failure?.code == "gate.tcp_timeout")
            #expect(port.failure?.detail.contains("192.168.122.") == true && port.failure?.detail.contains("Connection refused") == true)
            #expect(port.failure?.details["console_tail"] == "web1 login: \nkernel panic\nat init")
            let console = try await Self.act(life, .start, ["wait_for": ["console:^ready$"], "wait_timeout": "2s"])
            #expect(console.failure?.code == "gate.console_timeout" && console.failure?.category == "timeout")
            #expect(console.failure?.detail.contains("'console:^ready$'") == true)
            // The database and the wire have it too.
            let stored = try #require(try life.manager.engine.store.job(console.id))
            #expect(stored.failure?.details["console_tail"]?.stringValue?.contains("kernel panic") == true)
            #expect(ServiceError(try #require(stored.failure)).details["console_tail"] != nil)
        }
    }

    @Test func aGuestThatEndsEndsTheWait() async throws {
        try await Self.with(.stopped) { life, world in
            let outcome = try await life.manager.machines.act(
                .start, on: life.machine("web1"), body: ["wait_for": ["console:^never$"], "wait_timeout": "24h"], .sample)
            try await until("running") { (try? life.machine("web1").state) == .running }
            world.guestPrints(.sample(1), "giving up\n")
            world.faults.run(at: .machine) { try? $0.virshDestroy(.sample(1)) }
            let end = try await life.end(outcome)
            #expect(end.failure?.code == "gate.console_failed" && end.failure?.category == "state")
            #expect(end.failure?.details["console_tail"]?.stringValue?.hasSuffix("giving up") == true)
        }
    }

    /// A guest that prints on without end does not keep its wait from ending.
    @Test(.timeLimit(.minutes(1))) func aFloodedConsoleIsGivenUpInTime() async throws {
        try await Self.with(.running) { life, world in
            world.faults.plan(.only(.readVolume), times: nil, moment: .after, .run { $0.guestPrints(.sample(1), "and on\n") })
            let end = try await Self.act(life, .start, ["wait_for": ["console:^never$"], "wait_timeout": "1s"])
            world.faults.clear()
            #expect(end.failure?.code == "gate.console_timeout", "\(end.failure?.detail ?? "")")
        }
    }

    /// A reset keeps the log: what was printed before it is no answer.
    @Test func aResetWaitsForWhatComesAfterIt() async throws {
        try await Self.with(.running) { life, world in
            world.guestPrints(.sample(1), "ready\n")
            let old = try await Self.act(life, .reset, ["wait_for": ["console:^ready$"], "wait_timeout": "2s"])
            #expect(old.failure?.code == "gate.console_timeout")
            let new = try await Self.act(life, .reset, ["wait_for": ["console:login"], "wait_timeout": "2s"])
            #expect(new.state == .succeeded, "\(new.failure?.detail ?? "")")
            #expect(new.steps.map(\.name) == ["mark-console", "reset", "wait-console"])
        }
    }

    @Test func badGatesAreRefusedAtTheRequest() async throws {
        try await Self.with(.stopped) { life, world in
            let calls = world.faults.changingCount
            let error = try await refusal {
                _ = try await Self.act(life, .start, ["wait_for": ["console:(", "tcp:99999", "agent"]])
            }
            #expect(error.problems.map(\.pointer) == ["/wait_for/0", "/wait_for/1"])
            #expect(world.faults.changingCount == calls)
        }
    }

    // MARK: Where a guest is tried

    private static func address(_ text: String, _ source: GuestAddress.Source, mac: String = "52:54:00:00:00:01") -> ObservedAddress {
        ObservedAddress(GuestAddress(mac: mac, address: text, prefix: 24, source: source), observedAt: .now())
    }

    @Test func theNetworksWordGoesFirstAndInnerBridgesDoNotCount() throws {
        var hardware = MachineHardware(accelerator: .tcg, vcpus: 1, vcpusMax: 1, memoryBytes: 1, memoryMaxBytes: 1)
        hardware.nics = [NICObservation(mac: "52:54:00:00:00:01", network: "default")]
        let machine = MachineObservation(
            id: .sample(1), name: "x", state: .running, stateReason: "", isPersistent: true, autostart: false, hardware: hardware)
        let addresses = [
            Self.address("10.1.1.1", .agent), Self.address("172.17.0.1", .agent, mac: "02:42:00:00:00:01"),
            Self.address("127.0.0.1", .agent),
            Self.address("fe80::1", .agent), Self.address("192.168.122.9", .arp), Self.address("192.168.122.7", .lease),
            Self.address("10.9.9.9", .agent), Self.address("192.168.122.7", .agent),
        ]
        let own: Set = [try #require(NumericAddress("10.9.9.9"))]
        #expect(GuestPort.candidates(addresses, of: machine, own: own) == ["192.168.122.7", "192.168.122.9", "10.1.1.1"])
    }
}
