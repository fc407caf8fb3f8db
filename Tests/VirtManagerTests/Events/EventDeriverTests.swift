import Hypervisor
import JSON
import Platform
import TestSupport
import Testing

@testable import VirtManager

@Suite struct EventDeriverTests {
    private static let host = HostName("h1")

    private static func machine(
        _ state: RunState, vcpus: Int = 1, next: Int? = nil, target: String? = nil, reason: String = "booted", agent: Bool = false
    ) -> MachineObservation {
        func hardware(_ vcpus: Int, _ target: String?) -> MachineHardware {
            MachineHardware(
                accelerator: .tcg, vcpus: vcpus, vcpusMax: 4, memoryBytes: 1 << 28, memoryMaxBytes: 1 << 28,
                nics: [NICObservation(mac: "52:54:00:00:00:01", network: "default", target: target)])
        }
        return MachineObservation(
            id: .sample(1), name: "web1", state: state, stateReason: reason, isPersistent: true, autostart: false,
            hardware: hardware(vcpus, target), agentConnected: agent, nextBoot: next.map { hardware($0, nil) })
    }

    /// The events of looks that come one after the other, the first of which is known already.
    private static func lines(_ looks: [MachineObservation?]) -> [String] {
        var deriver = EventDeriver(known: [])
        deriver.take(.machine(host, .sample(1), looks[0], job: nil), at: .now())
        deriver.take(.reach(host, .online, ""), at: .now())
        #expect(deriver.drain().entries.isEmpty)
        for look in looks.dropFirst() { deriver.take(.machine(host, .sample(1), look, job: nil), at: .now()) }
        return deriver.drain().entries.map(\.event.line)
    }

    @Test func aStartChangesNoHardware() {
        let lines = Self.lines([
            Self.machine(.stopped), Self.machine(.running, next: 1, target: "vnet3", agent: true),
            Self.machine(.stopped, reason: "destroyed"),
        ])
        #expect(
            lines == [
                "vm.state external stopped running booted", "vm.agent guest connected", "vm.state external running stopped destroyed",
            ])
    }

    @Test func whatWaitsForTheNextBootIsToldWhenItIsSaid() {
        let running = Self.machine(.running, next: 1)
        let edited = Self.machine(.running, next: 2)
        #expect(
            Self.lines([running, edited, Self.machine(.stopped, vcpus: 2, reason: "shutdown"), Self.machine(.running, vcpus: 2, next: 2)])
                == [
                    "vm.changed external [\"vcpus\"]", "vm.state guest running stopped shutdown",
                    "vm.state external stopped running booted",
                ])
        // Live only, by another tool.
        #expect(Self.lines([running, Self.machine(.running, vcpus: 3, next: 1)]) == ["vm.changed external [\"vcpus\"]"])
        // A host that does not tell the definition of a running machine makes no noise.
        #expect(Self.lines([Self.machine(.stopped), Self.machine(.running, vcpus: 2)]) == ["vm.state external stopped running booted"])
    }

    @Test func aMomentOfTheDriversIsNoState() {
        #expect(
            Self.lines([
                Self.machine(.stopped), Self.machine(.paused, next: 1, reason: "starting up"), Self.machine(.running, next: 1),
                Self.machine(.paused, next: 1, reason: "save"), Self.machine(.saved, reason: "saved"),
                Self.machine(.migrating, next: 1, reason: "migration"), Self.machine(.paused, next: 1, reason: "starting up"),
                Self.machine(.paused, next: 1, reason: "user"),
            ]) == [
                "vm.state external stopped running booted", "vm.state external running saved saved",
                "vm.state external saved paused user",
            ])
    }

    @Test func goneAndBack() {
        #expect(
            Self.lines([Self.machine(.stopped), nil, nil, Self.machine(.stopped)]) == [
                "vm.deleted external", "vm.created external stopped",
            ])
    }

    @Test func whatIsKnownSurvives() throws {
        var first = EventDeriver(known: [])
        first.take(.machine(Self.host, .sample(1), Self.machine(.running, next: 1), job: nil), at: .now())
        first.take(.reach(Self.host, .online, ""), at: .now())
        let kept = first.drain().subjects
        var second = EventDeriver(known: kept)
        second.take(.machine(Self.host, .sample(1), Self.machine(.running, next: 1), job: nil), at: .now())
        second.take(.reach(Self.host, .online, ""), at: .now())
        #expect(second.drain().entries.isEmpty && second.subjects.isEmpty)
        var third = EventDeriver(known: kept)
        third.take(.machine(Self.host, .sample(1), Self.machine(.stopped, vcpus: 2, reason: "shutdown"), job: nil), at: .now())
        #expect(third.drain().entries.map(\.event.line) == ["vm.changed external [\"vcpus\"]", "vm.state guest running stopped shutdown"])
        var fourth = EventDeriver(known: kept)
        fourth.take(.listed(Self.host, []), at: .now())
        #expect(fourth.drain().entries.map(\.event.line) == ["vm.deleted external"])
    }

    @Test func tooMuchAtOnceIsComparedAnew() {
        let changes = FleetChanges(limit: 2)
        changes.noteMachine(Self.host, .sample(1), nil)
        changes.noteMachine(Self.host, .sample(2), nil)
        #expect(changes.take()?.count == 2)
        for number in 1...3 { changes.noteMachine(Self.host, .sample(UInt8(number)), nil) }
        #expect(changes.take() == nil)
        #expect(changes.take()?.isEmpty == true)
    }
}
