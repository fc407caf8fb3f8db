import Hypervisor
import JSON
import JobQueue
import Platform
import TestSupport
import Testing

@testable import VirtManager

@Suite struct NetworkTests {
    typealias Life = ManagerBench.Life

    private static func create(_ life: Life, _ body: JSONValue) async throws -> Job {
        try await life.end(try await life.manager.networks.create(body, .sample))
    }

    private static func problems(_ life: Life, _ body: JSONValue) async throws -> Set<String> {
        Set(try await refusal { _ = try await life.manager.networks.create(body, .sample) }.problems.map(\.pointer))
    }

    // MARK: Making

    @Test func aNetworkIsMadeStartedAndShown() async throws {
        try await ManagerBench.with { life in
            let end = try await Self.create(life, KindFixture.networkBody)
            #expect(end.state == .succeeded, "\(end.failure?.detail ?? "")")
            #expect(end.resources == ["/v1/networks/lab"])
            let shown = try JSONReader.parse(JSONWriter.encode(try life.manager.networks.get("lab", host: nil)))
            #expect(shown["mode"] == "nat" && shown["cidr"] == "192.168.50.1/24" && shown["active"] == true && shown["autostart"] == true)
            #expect(shown["dhcp"] == ["start": "192.168.50.10", "end": "192.168.50.99"] && shown["reservations"] == [])
            #expect(shown["id"]?.stringValue?.utf8.count == 36)
            let again = try await refusal { _ = try await life.manager.networks.create(KindFixture.networkBody, .sample) }
            // What it overlaps is itself: the name says more.
            #expect(again.code == "network.exists" || again.problems.contains { $0.detail.contains("'lab'") })
        }
    }

    @Test func whatIsLeftOutIsChosen() async throws {
        try await ManagerBench.with { life in
            func made(_ body: JSONValue) async throws -> NetworkObservation {
                let end = try await Self.create(life, body)
                #expect(end.state == .succeeded, "\(end.failure?.detail ?? "")")
                return try life.manager.networks.get(try #require(body["name"]?.stringValue), host: nil).observation
            }
            // The subnet's own address stands for its first host; its server has all the rest.
            let whole = try await made(["name": "a", "mode": "nat", "cidr": "10.7.0.0/16"])
            #expect(whole.cidr == "10.7.0.1/16" && whole.dhcp == DHCPRange(start: "10.7.0.2", end: "10.7.255.254"))
            let last = try await made(["name": "b", "mode": "nat", "cidr": "10.8.0.254/24"])
            #expect(last.dhcp == DHCPRange(start: "10.8.0.1", end: "10.8.0.253"))
            let quiet = try await made(["name": "c", "mode": "isolated", "cidr": "10.9.0.1/30", "dhcp": false, "start": false])
            #expect(quiet.dhcp == nil && !quiet.isActive)
            let bare = try await made(["name": "d", "mode": "isolated", "autostart": false])
            #expect(bare.cidr == nil && bare.isActive && !bare.autostart)
            let bridge = try await made(["name": "e", "mode": "bridge", "bridge": "br0"])
            #expect(bridge.bridge == "br0" && bridge.cidr == nil)
        }
    }

    @Test func allFaultsAreToldAtOnce() async throws {
        try await ManagerBench.with { life in
            let cases: [(JSONValue, Set<String>)] = [
                ([:], ["/name", "/mode"]), (["name": "a/b", "mode": "route", "x": 1], ["/name", "/mode", "/x"]),
                (["name": "a", "mode": "nat"], ["/cidr"]), (["name": "a", "mode": "nat", "cidr": "fd00::1/64"], ["/cidr"]),
                (["name": "a", "mode": "nat", "cidr": "10.0.0.1/31"], ["/cidr"]),
                (["name": "a", "mode": "nat", "cidr": "10.0.0.1/7"], ["/cidr"]),
                (["name": "a", "mode": "nat", "cidr": "10.0.0.255/24"], ["/cidr"]),
                (["name": "a", "mode": "nat", "cidr": "127.0.0.1/8"], ["/cidr"]),
                (["name": "a", "mode": "nat", "cidr": "224.0.0.1/24"], ["/cidr"]),
                (["name": "a", "mode": "nat", "cidr": "192.168.0.1/16"], ["/cidr"]),
                (["name": "a", "mode": "nat", "cidr": "10.0.0.1/24", "dhcp": ["start": "10.0.0.1", "end": "10.0.0.9"]], ["/dhcp"]),
                (["name": "a", "mode": "nat", "cidr": "10.0.0.1/24", "dhcp": ["start": "10.0.0.9", "end": "10.0.0.8"]], ["/dhcp"]),
                (["name": "a", "mode": "nat", "cidr": "10.0.0.1/24", "dhcp": ["start": "10.0.0.9", "end": "10.0.1.8"]], ["/dhcp"]),
                (["name": "a", "mode": "nat", "cidr": "10.0.0.1/24", "dhcp": ["start": "x"]], ["/dhcp/start", "/dhcp/end"]),
                (["name": "a", "mode": "nat", "cidr": "10.0.0.1/24", "dhcp": true], ["/dhcp"]),
                (["name": "a", "mode": "nat", "cidr": "10.0.0.1/24", "bridge": "virbr0"], ["/bridge"]),
                (["name": "a", "mode": "nat", "cidr": "10.0.0.1/24", "bridge": "a-name-too-long-x"], ["/bridge"]),
                (["name": "a", "mode": "bridge"], ["/bridge"]),
                (["name": "a", "mode": "bridge", "bridge": "br0", "cidr": "10.0.0.1/24"], ["/cidr"]),
                (["name": "a", "mode": "isolated", "dhcp": ["start": "10.0.0.2", "end": "10.0.0.3"]], ["/dhcp"]),
                (["name": "a", "mode": "isolated", "host": "nowhere"], ["/host"]),
            ]
            let calls = life.bench.world.faults.changingCount
            for (body, pointers) in cases { #expect(try await Self.problems(life, body) == pointers, "\(body.text)") }
            let overlap = try await refusal {
                _ = try await life.manager.networks.create(["name": "a", "mode": "nat", "cidr": "192.168.122.128/25"], .sample)
            }
            #expect(overlap.problems.first?.detail.contains("'default'") == true)
            let taken = try await refusal {
                _ = try await life.manager.networks.create(["name": "default", "mode": "nat", "cidr": "10.0.0.1/24"], .sample)
            }
            #expect(taken.code == "network.exists" && taken.category == .conflict)
            #expect(life.bench.world.faults.changingCount == calls)
        }
    }

    /// Two that overlap and are asked for at once: one is made.
    @Test func ofTwoThatOverlapOneIsMade() async throws {
        try await ManagerBench.with { life in
            life.bench.world.faults.hang(.defineNetwork, call: 1)
            let first = try await life.manager.networks.create(["name": "a", "mode": "nat", "cidr": "10.0.0.1/24"], .sample)
            await life.bench.world.faults.hangingCall(.only(.defineNetwork))
            let second = try await life.manager.networks.create(["name": "b", "mode": "nat", "cidr": "10.0.0.129/25"], .sample)
            life.bench.world.faults.release()
            #expect(try await life.end(first).state == .succeeded)
            let end = try await life.end(second)
            #expect(end.failure?.code == "network.overlaps" && end.failure?.detail.contains("'a'") == true)
        }
    }

    /// Somebody defines a network of that name between the look and the act: it is theirs, and stays.
    @Test func aNetworkOfOthersIsNeverTakenForOurs() async throws {
        try await ManagerBench.with { life in
            let theirs = NetworkObservation(
                name: "lab", uuid: "00000000-0000-4000-8000-000000000001", mode: "isolated", bridge: "virbr9", cidr: nil, isActive: true,
                autostart: false)
            life.bench.world.faults.run(at: .defineNetwork) {
                $0.addNetwork(theirs)
                $0.raise(.network("lab"))
            }
            let end = try await Self.create(life, KindFixture.networkBody)
            #expect(end.state == .failed && end.failure?.code == "network.exists", "\(end.failure?.detail ?? "")")
            try await until("the inventory shows theirs") {
                (try? life.manager.networks.get("lab", host: nil))?.observation == theirs
            }
        }
    }

    // MARK: Changing

    private static func update(_ life: Life, _ name: String, _ patch: JSONValue) async throws -> Outcome<NetworkState> {
        try await life.manager.networks.update(life.manager.networks.get(name, host: nil), patch: patch, .sample)
    }

    @Test func aPatchChangesWhatItNames() async throws {
        try await ManagerBench.with { life in
            _ = try await Self.create(life, KindFixture.networkBody)
            guard case .unchanged = try await Self.update(life, "lab", ["autostart": true, "active": true, "cidr": "192.168.50.1/24"])
            else {
                Issue.record("it was so already")
                return
            }
            let shown = try JSONReader.parse(JSONWriter.encode(try life.manager.networks.get("lab", host: nil)))
            guard case .unchanged = try await Self.update(life, "lab", shown) else {
                Issue.record("what was shown is no change")
                return
            }
            func seen(_ patch: JSONValue) async throws -> NetworkObservation {
                let end = try await life.end(try await Self.update(life, "lab", patch))
                #expect(end.state == .succeeded, "\(end.failure?.detail ?? "")")
                return try life.manager.networks.get("lab", host: nil).observation
            }
            let narrow = try await seen(["dhcp": ["start": "192.168.50.20", "end": "192.168.50.29"], "autostart": false])
            #expect(narrow.dhcp?.start == "192.168.50.20" && narrow.isActive && !narrow.autostart)
            let none = try await seen(["dhcp": .null])
            #expect(none.dhcp == nil && none.isActive)
            // Nothing was said of a server, and there is none: there is none afterwards either.
            let moved = try await seen(["cidr": "192.168.51.1/25"])
            #expect(moved.cidr == "192.168.51.1/25" && moved.dhcp == nil)
            let off = try await seen(["active": false])
            #expect(!off.isActive)
            let mode = try await refusal { _ = try await Self.update(life, "lab", ["mode": "isolated"]) }
            #expect(mode.code == "field.read_only")
            let both = try await refusal { _ = try await Self.update(life, "lab", ["mode": "isolated", "cidr": "x"]) }
            #expect(both.code == "body.invalid" && Set(both.problems.map(\.pointer)) == ["/mode", "/cidr"])
        }
    }

    @Test func reservationsKeepTheSubnet() async throws {
        try await ManagerBench.with { life in
            _ = try await Self.create(life, KindFixture.networkBody)
            let kept = DHCPReservation(mac: "52:54:00:00:00:09", address: "192.168.50.9")
            try await life.hosts[0].reserve(kept, on: "lab")
            let error = try await refusal { _ = try await Self.update(life, "lab", ["cidr": "192.168.51.1/24"]) }
            #expect(error.problems.first?.detail.contains(kept.mac) == true)
            let end = try await life.end(try await Self.update(life, "lab", ["dhcp": ["start": "192.168.50.30", "end": "192.168.50.39"]]))
            #expect(end.state == .succeeded)
            #expect(try life.manager.networks.get("lab", host: nil).observation.reservations == [kept])
        }
    }

    /// The definition is refused: the network runs again as it was.
    @Test func aFailedChangeGoesBack() async throws {
        try await ManagerBench.with { life in
            _ = try await Self.create(life, KindFixture.networkBody)
            life.bench.world.faults.fail(.defineNetwork, with: .operationFailed)
            let end = try await life.end(try await Self.update(life, "lab", ["cidr": "10.1.1.1/24"]))
            #expect(end.state == .failed)
            let seen = try life.manager.networks.get("lab", host: nil).observation
            #expect(seen.isActive && seen.cidr == "192.168.50.1/24")
        }
    }

    /// Two changes at once that are right each by itself: the second is judged again when its turn comes.
    @Test func ofTwoChangesThatOverlapOneIsMade() async throws {
        try await ManagerBench.with { life in
            _ = try await Self.create(life, ["name": "a", "mode": "isolated", "cidr": "10.0.0.1/24"])
            _ = try await Self.create(life, ["name": "b", "mode": "isolated", "cidr": "10.1.0.1/24"])
            life.bench.world.faults.hang(.defineNetwork, call: 1)
            let first = try await Self.update(life, "a", ["cidr": "10.2.0.1/24"])
            await life.bench.world.faults.hangingCall(.only(.defineNetwork))
            let second = try await Self.update(life, "b", ["cidr": "10.2.0.129/25"])
            life.bench.world.faults.release()
            #expect(try await life.end(first).state == .succeeded)
            let end = try await life.end(second)
            #expect(end.failure?.code == "network.overlaps" && end.failure?.detail.contains("'a'") == true, "\(end.failure?.code ?? "")")
            let seen = try life.manager.networks.get("b", host: nil).observation
            #expect(seen.isActive && seen.cidr == "10.1.0.1/24")
        }
    }

    /// An address that is promised after the request: no way back loses it, and it keeps the subnet.
    @Test func anAddressPromisedMeanwhileStays() async throws {
        try await ManagerBench.with { life in
            _ = try await Self.create(life, KindFixture.networkBody)
            let world = life.bench.world
            func waiting(_ patch: JSONValue, then: () async throws -> Void) async throws -> Job {
                world.faults.hang(.setNetworkAutostart, call: 1)
                let isOn = try life.manager.networks.get("lab", host: nil).observation.autostart
                let before = try await Self.update(life, "lab", ["autostart": .bool(!isOn)])
                await world.faults.hangingCall(.only(.setNetworkAutostart))
                let change = try await Self.update(life, "lab", patch)
                try await then()
                world.faults.release()
                #expect(try await life.end(before).state == .succeeded)
                return try await life.end(change)
            }
            let kept = DHCPReservation(mac: "52:54:00:00:00:09", address: "192.168.50.9")
            let back = try await waiting(["dhcp": ["start": "192.168.50.30", "end": "192.168.50.39"]]) {
                try world.virshReserve(kept, on: "lab")
                world.faults.fail(.startNetwork, with: .operationFailed)
            }
            #expect(back.state == .failed)
            var seen = try life.manager.networks.get("lab", host: nil).observation
            #expect(seen.reservations == [kept] && seen.dhcp?.start == "192.168.50.10" && seen.isActive)

            try world.virshRelease(kept.mac, on: "lab")
            try await until("it is free") { try life.manager.networks.get("lab", host: nil).observation.reservations.isEmpty }
            let moved = try await waiting(["cidr": "192.168.51.1/24"]) { try world.virshReserve(kept, on: "lab") }
            #expect(moved.failure?.code == "network.address_kept", "\(moved.failure?.code ?? "")")
            seen = try life.manager.networks.get("lab", host: nil).observation
            #expect(seen.reservations == [kept] && seen.cidr == "192.168.50.1/24" && seen.isActive)
        }
    }

    /// A start that comes while the network is stopped for its change waits for its return.
    @Test func aStartWaitsForANetworkThatIsBeingChanged() async throws {
        try await ManagerBench.with { life in
            _ = try await Self.create(life, KindFixture.networkBody)
            try await Self.machine(life, "web1", start: false)
            life.bench.world.faults.hang(.defineNetwork, call: 1)
            let change = try await Self.update(life, "lab", ["cidr": "10.2.2.1/24"])
            await life.bench.world.faults.hangingCall(.only(.defineNetwork))
            guard case .job(let start) = try await life.manager.machines.act(.start, on: life.machine("web1"), body: nil, .sample) else {
                Issue.record("no job")
                return
            }
            #expect(start.state == .waiting && start.blockedBy.count == 1, "\(start.state)")
            life.bench.world.faults.release()
            #expect(try await life.end(change).state == .succeeded)
            #expect(try await life.end(start).state == .succeeded)
        }
    }

    // MARK: In use

    private static func machine(_ life: Life, _ name: String, start: Bool) async throws {
        let made = try await life.manager.machines.create(
            ["name": .string(name), "nics": [["network": "lab"]], "start": .bool(start)], .sample)
        #expect(try await life.end(made).state == .succeeded)
    }

    @Test func aNetworkInUseIsNeitherStoppedNorDeleted() async throws {
        try await ManagerBench.with { life in
            _ = try await Self.create(life, KindFixture.networkBody)
            try await Self.machine(life, "off", start: false)
            let defined = try await refusal { _ = try await life.manager.networks.delete("lab", host: nil, missingOK: false, .sample) }
            #expect(defined.code == "network.in_use" && defined.details["used_by"] == ["off"])
            // Nobody runs on it: it may be stopped and changed.
            #expect(try await life.end(try await Self.update(life, "lab", ["cidr": "10.2.2.1/24"])).state == .succeeded)
            try await Self.machine(life, "on", start: true)
            for patch: JSONValue in [["active": false], ["cidr": "10.3.3.1/24"], ["dhcp": false]] {
                let error = try await refusal { _ = try await Self.update(life, "lab", patch) }
                #expect(error.code == "network.in_use" && error.detail.contains("'on'") && !error.detail.contains("'off'"))
            }
            #expect(try await life.end(try await Self.update(life, "lab", ["autostart": false])).state == .succeeded)
        }
    }

    /// Taken into use between the request and the act.
    @Test func theHostIsAskedAgainRightBefore() async throws {
        try await ManagerBench.with { life in
            _ = try await Self.create(life, KindFixture.networkBody)
            let world = life.bench.world
            world.faults.hang(.networks, call: 1)
            let deletion = try await life.manager.networks.delete("lab", host: nil, missingOK: false, .sample)
            await world.faults.hangingCall(.only(.networks))
            world.losesEvents = true
            try world.virshDefine(
                FakeDefinition(
                    id: .sample(5), name: "other",
                    hardware: MachineHardware(
                        accelerator: .tcg, vcpus: 1, vcpusMax: 1, memoryBytes: 1 << 28, memoryMaxBytes: 1 << 28,
                        nics: [NICObservation(mac: "52:54:00:00:00:07", network: "lab")])))
            world.faults.release()
            let end = try await life.end(deletion)
            #expect(end.state == .failed && end.failure?.code == "network.in_use" && end.failure?.detail.contains("'other'") == true)
            #expect(try life.manager.networks.get("lab", host: nil).observation.isActive)
            world.losesEvents = false
        }
    }

    /// Another tool deletes the network under a running VM: nothing breaks, and what is shown is true.
    @Test func aNetworkThatIsGoneUnderARunningMachine() async throws {
        try await ManagerBench.with { life in
            _ = try await Self.create(life, KindFixture.networkBody)
            try await Self.machine(life, "web1", start: true)
            life.bench.world.virshRemoveNetwork("lab")
            try await until("the network is not shown") { (try? life.manager.networks.get("lab", host: nil)) == nil }
            let machine = try life.machine("web1")
            #expect(machine.state == .running && machine.observation.hardware.nics.first?.network == "lab")
            let leases = try await refusal { _ = try await life.manager.networks.leases("lab", host: nil) }
            #expect(leases.code == "network.not_found")
            guard case .absent = try await life.manager.networks.delete("lab", host: nil, missingOK: true, .sample) else {
                Issue.record("missing=ok")
                return
            }
            #expect(try await life.end(try await life.manager.machines.act(.stop, on: machine, body: nil, .sample)).state == .succeeded)
            let start = try await life.end(try await life.manager.machines.act(.start, on: life.machine("web1"), body: nil, .sample))
            #expect(start.state == .failed && start.failure?.code == "network.not_found", "\(start.failure?.code ?? "")")
            #expect(start.failure?.detail.contains("lab") == true)
        }
    }

    // MARK: Leases

    @Test func aLeaseOfAForeignCardBelongsToNobody() async throws {
        let world = FakeWorld.standard(nowMilliseconds: Timestamp.now().milliseconds)
        try await ManagerBench.with([world]) { life in
            var network = NetworkObservation(
                name: "lab", uuid: "6d1f0d2c-7a34-4c7e-9d55-0c2f6a1b3d4e", mode: "nat", bridge: "virbr7", cidr: "192.168.50.1/24",
                dhcp: DHCPRange(start: "192.168.50.10", end: "192.168.50.99"), isActive: true, autostart: true)
            network.reservations = [DHCPReservation(mac: "52:54:00:AA:00:01", address: "192.168.50.7")]
            life.bench.world.addNetwork(network)
            life.bench.world.raise(.network("lab"))
            try await until("it is shown") { (try? life.manager.networks.get("lab", host: nil)) != nil }
            try await Self.machine(life, "web1", start: true)
            let mac = try #require(try life.machine("web1").observation.hardware.nics.first?.mac)
            life.bench.world.addLease(mac: "52:54:00:ff:00:01", on: "lab")
            try await until("both have one") { try await life.manager.networks.leases("lab", host: nil).count == 2 }
            let leases = try await life.manager.networks.leases("lab", host: nil)
            #expect(leases.first { $0.observation.mac == mac }?.machine == "web1")
            let foreign = try #require(leases.first { $0.observation.mac != mac })
            #expect(foreign.machine == nil)
            let plan = try await life.manager.networks.addressPlan("lab", on: HostName("h1"))
            #expect(throws: AddressPlan.Refusal.self) { try plan.address(foreign.observation.address, for: mac) }
            #expect(throws: AddressPlan.Refusal.self) { try plan.address("192.168.50.7", for: mac) }
        }
    }
}
