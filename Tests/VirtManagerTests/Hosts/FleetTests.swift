import Hypervisor
import JSON
import JobQueue
import Platform
import TestSupport
import Testing

@testable import VirtManager

/// The inventory by itself.
@Suite struct FleetTests {
    private static let host = HostName("h1")

    private static func machine(_ number: UInt8, _ state: RunState, name: String = "web") -> MachineObservation {
        MachineObservation(
            id: .sample(number), name: "\(name)\(number)", state: state, stateReason: "", isPersistent: true, autostart: false,
            hardware: MachineHardware(accelerator: .tcg, vcpus: 1, vcpusMax: 1, memoryBytes: 1 << 28, memoryMaxBytes: 1 << 28))
    }

    private static func fleet() -> Fleet { Fleet(installation: "i", hosts: [HostSettings(name: host, uri: "fake:///")]) }

    @Test func anOlderLookNeverReplacesANewerOne() {
        let fleet = Self.fleet()
        let old = fleet.nextTicket()
        let new = fleet.nextTicket()
        fleet.take(.sample(1), Self.machine(1, .running), on: Self.host, ticket: new)
        fleet.take(.sample(1), Self.machine(1, .stopped), on: Self.host, ticket: old)
        #expect(fleet.view.machines.first?.state == .running)
        // A listing begun before a machine was made does not take it away, nor bring back one that is gone.
        let listing = fleet.nextTicket()
        fleet.take(.sample(2), Self.machine(2, .running), on: Self.host, ticket: fleet.nextTicket())
        fleet.take(.sample(1), nil, on: Self.host, ticket: fleet.nextTicket())
        fleet.take(all: [Self.machine(1, .running)], on: Self.host, ticket: listing)
        #expect(fleet.view.machines.map(\.name) == ["web2"])
        fleet.take(all: [], on: Self.host, ticket: fleet.nextTicket())
        #expect(fleet.view.machines.isEmpty)
    }

    @Test func aLookThatShowsNothingNewChangesNothing() throws {
        let fleet = Self.fleet()
        fleet.take(all: [Self.machine(1, .running)], on: Self.host, ticket: fleet.nextTicket())
        let (generation, view) = (fleet.view.generation, try #require(fleet.view.machines.first))
        fleet.take(all: [Self.machine(1, .running)], on: Self.host, ticket: fleet.nextTicket())
        #expect(fleet.view.generation == generation)
        #expect(fleet.view.machines.first === view)
        fleet.take(.sample(1), Self.machine(1, .paused), on: Self.host, ticket: fleet.nextTicket())
        #expect(fleet.view.generation > generation)
        #expect(try #require(fleet.view.machines.first).version > view.version)
    }

    @Test(arguments: [3, 200]) func theListStaysInOrderHoweverManyChange(_ count: Int) {
        let fleet = Self.fleet()
        let numbers = (0..<count).map { UInt8($0) }.shuffled()
        fleet.take(all: numbers.map { Self.machine($0, .stopped) }, on: Self.host, ticket: fleet.nextTicket())
        for number in numbers.prefix(3) {
            fleet.take(.sample(number), Self.machine(number, .running), on: Self.host, ticket: fleet.nextTicket())
        }
        fleet.take(.sample(numbers[0]), nil, on: Self.host, ticket: fleet.nextTicket())
        let names = fleet.view.machines.map(\.name)
        #expect(names == names.sorted() && names.count == count - 1)
        #expect(fleet.host(Self.host)?.machineCount == count - 1)
    }

    @Test func theOldestJobOfAMachineIsShown() throws {
        let fleet = Self.fleet()
        fleet.take(all: [Self.machine(1, .running)], on: Self.host, ticket: fleet.nextTicket())
        func job(_ milliseconds: Int64, _ state: JobState, _ id: JobID? = nil) throws -> Job {
            let time = Timestamp(milliseconds: milliseconds)
            var job = Job(
                JobRequest(
                    id: try id ?? JobID(at: time), kind: "vm.start", arguments: .null, resources: [MachineView.path(.sample(1))], locks: []),
                createdAt: time)
            job.state = state
            return job
        }
        var first = try job(1_000, .running)
        let second = try job(2_000, .waiting)
        fleet.follow(second)
        fleet.follow(first)
        #expect(fleet.view.machines.first?.activeJob == first.id)
        first.state = .needsAttention
        fleet.follow(first)
        #expect(fleet.view.machines.first?.activeJob == second.id)
        fleet.follow(try job(2_000, .succeeded, second.id))
        #expect(fleet.view.machines.first?.activeJob == nil)
    }

    // MARK: Small tables

    @Test func theBestAddress() {
        func seen(_ address: String, _ source: GuestAddress.Source) -> ObservedAddress {
            ObservedAddress(GuestAddress(mac: "", address: address, prefix: 24, source: source), observedAt: Timestamp(milliseconds: 0))
        }
        let cases: [([ObservedAddress], String?)] = [
            ([], nil), ([seen("127.0.0.1", .agent), seen("::1", .agent), seen("fe80::1", .agent), seen("169.254.1.1", .lease)], nil),
            ([seen("10.0.0.1", .lease), seen("10.0.0.2", .agent)], "10.0.0.2"),
            ([seen("10.0.0.1", .arp), seen("10.0.0.2", .lease)], "10.0.0.2"),
            ([seen("2001:db8::1", .agent), seen("10.0.0.1", .agent)], "10.0.0.1"),
            ([seen("2001:db8::1", .agent), seen("10.0.0.1", .lease)], "2001:db8::1"),
            ([seen("FE80::1", .agent), seen("10.0.0.1", .arp)], "10.0.0.1"),
        ]
        for (addresses, best) in cases { #expect(ObservedAddress.best(addresses) == best) }
    }

    @Test func whichAcceleratorCounts() {
        let cases: [(Duration?, Duration?, [Accelerator])] = [
            (nil, nil, []), (nil, .milliseconds(300), [.tcg]), (.milliseconds(50), .milliseconds(300), [.kvm, .tcg]),
            (.milliseconds(1400), .milliseconds(300), [.kvm, .tcg]), (.milliseconds(1600), .milliseconds(300), [.tcg]),
            (.seconds(3), .seconds(2), [.kvm, .tcg]), (.seconds(5), .seconds(2), [.tcg]), (.seconds(1), nil, [.kvm]),
        ]
        for (kvm, tcg, proven) in cases {
            #expect(AcceleratorProbe.judge(kvm: kvm, tcg: tcg) == proven, "\(String(describing: kvm)) \(String(describing: tcg))")
        }
    }

    @Test func whichActionsGoInWhichState() {
        let table: [RunState: Set<MachineAction>] = [
            .stopped: [.start], .running: [.shutdown, .stop, .reboot, .reset, .pause, .save],
            .paused: [.stop, .reset, .resume, .save], .saved: [.start], .crashed: [.start, .stop], .migrating: [], .unknown: [],
        ]
        for state in RunState.allCases {
            #expect(Set(MachineAction.allCases.filter { $0.isAllowed(in: state) }) == table[state], "\(state)")
        }
    }
}
