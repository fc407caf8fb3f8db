import Hypervisor
import JSON
import JobQueue
import TestSupport
import Testing

@testable import VirtManager

@Suite struct MachineCreateTests {
    typealias Life = ManagerBench.Life

    private static func create(_ life: Life, _ body: JSONValue, _ mutation: Mutation = .sample) async throws -> Outcome<MachineView> {
        try await life.manager.machines.create(body, mutation)
    }

    /// A request that is refused changes nothing, and neither does its dry run.
    private static func refused(
        _ life: Life, _ body: JSONValue, location: SourceLocation = #_sourceLocation
    ) async throws -> ServiceError {
        let before = life.bench.worlds.map { $0.inventory() }
        let error = try await refusal(location: location) { _ = try await create(life, body) }
        if case .plan(let plan) = try await create(life, body, .sample(dryRun: true)) {
            #expect(!plan.isPossible, sourceLocation: location)
            #expect(plan.blockers.count == max(1, error.problems.count), sourceLocation: location)
        } else {
            Issue.record("a dry run must answer a plan", sourceLocation: location)
        }
        #expect(life.bench.worlds.map { $0.inventory() } == before, sourceLocation: location)
        #expect(try await life.manager.jobs.list(JobFilter(), after: nil, limit: 100).isEmpty, sourceLocation: location)
        return error
    }

    @Test func whatIsMissingOnTheHostIsToldAllAtOnce() async throws {
        try await ManagerBench.with { life in
            let error = try await Self.refused(
                life,
                [
                    "name": "x", "memory": "1TiB", "accel": "kvm", "boot": ["kernel": ["volume": "nokernel"]],
                    "disks": [
                        ["volume": "nothing.qcow2"], ["size": "1GiB", "pool": "nopool"], ["from": ["volume": "noimage"], "mode": "linked"],
                    ],
                    "nics": [["network": "nonet"], ["network": "lonely"]],
                ])
            #expect(error.category == .invalid)
            let found = Dictionary(error.problems.map { ($0.pointer, $0) }, uniquingKeysWith: { first, _ in first })
            #expect(
                Set(found.keys) == [
                    "/memory", "/accel", "/boot/kernel/volume", "/disks/0/volume", "/disks/1/pool", "/disks/2/from/volume",
                    "/nics/0/network", "/nics/1/network",
                ])
            #expect(found["/disks/1/pool"]?.allowed == ["default"])
            #expect(found["/nics/0/network"]?.allowed == ["default", "lonely"])
            #expect(found["/nics/1/network"]?.allowed == ["default"])
            #expect(found["/accel"]?.allowed == ["auto", "tcg"])
            #expect(found["/memory"]?.value == .integer(1 << 40))
        }
    }

    @Test func formatAndHostFaultsComeTogether() async throws {
        try await ManagerBench.with { life in
            let error = try await Self.refused(life, ["name": "UPPER", "nics": [["network": "nonet"]], "colour": 1])
            #expect(Set(error.problems.map(\.pointer)) == ["/name", "/nics/0/network", "/colour"])
            let host = try await Self.refused(life, ["name": "x", "host": "nowhere"])
            #expect(host.problems.map(\.pointer) == ["/host"] && host.problems.first?.allowed == ["h1"])
        }
    }

    @Test func aVolumeOfAnotherMachineIsAConflict() async throws {
        try await ManagerBench.with { life in
            try await SampleWorld.machine(life.bench.world, .stopped)
            try await until("seen") { (try? life.machine("web1")) != nil }
            let error = try await Self.refused(life, ["name": "thief", "disks": [["volume": "web1-vda.qcow2"]]])
            #expect(error.code == "volume.in_use" && error.category == .conflict)
            #expect(error.problems.map(\.pointer) == ["/disks/0/volume"])
            #expect(error.detail.contains("web1"))
            let copy = try await Self.refused(
                life, ["name": "thief", "disks": [["from": ["volume": "web1-vda.qcow2"], "mode": "linked"]]])
            #expect(copy.problems.first?.pointer == "/disks/0/from/volume")
        }
    }

    @Test func theBaseOfACopyCannotBeWritten() async throws {
        try await ManagerBench.with { life in
            try SampleWorld.images(life.bench.world)
            let copy: JSONValue = ["name": "copy", "disks": [["from": ["volume": "base.qcow2"], "mode": "linked"]]]
            let made = try await life.end(try await Self.create(life, copy))
            #expect(made.state == .succeeded)
            let view = try life.machine("copy")
            #expect(view.disks.first?.backing == SampleWorld.image)
            #expect(view.disks.first?.capacityBytes == 2 << 30)
            let error = try await refusal { _ = try await Self.create(life, ["name": "writer", "disks": [["volume": "base.qcow2"]]]) }
            #expect(error.code == "volume.in_use")
            // Reading is no harm.
            let reader = try await Self.create(life, ["name": "reader", "disks": [["volume": "base.qcow2", "read_only": true]]])
            let end = try await life.end(reader)
            #expect(end.state == .succeeded, "\(end.failure?.detail ?? "")")
        }
    }

    @Test func aDryRunNamesTheSteps() async throws {
        try await ManagerBench.with { life in
            try SampleWorld.images(life.bench.world)
            let before = life.bench.world.inventory()
            guard case .plan(let plan) = try await Self.create(life, KindFixture.fullBody, .sample(dryRun: true)) else {
                Issue.record("no plan")
                return
            }
            #expect(
                plan.steps == ["check", "disk-vda", "disk-vdb", "console", "define", "start", "wait-running", "wait-address", "wait-agent"])
            #expect(life.bench.world.inventory() == before)
        }
    }

    // MARK: Names

    @Test func namesAreUniqueOverHosts() async throws {
        let worlds = [FakeWorld.standard(), FakeWorld.standard(hostname: "host-b")]
        try await ManagerBench.with(worlds) { life in
            let first = try await life.end(try await Self.create(life, ["name": "web1", "host": "h2"]))
            #expect(first.state == .succeeded)
            let error = try await refusal { _ = try await Self.create(life, ["name": "web1", "host": "h1"]) }
            #expect(error.code == "vm.exists" && error.category == .conflict)
            #expect(error.detail.contains("h2"))
            // Another tool's machine of that name on the other host: ours is meant.
            try worlds[0].virshDefine(FakeDefinition(id: .sample(9), name: "web1"))
            try await until("both seen") { life.fleet.view.machines(name: "web1").count == 2 }
            #expect(try life.machine("web1").host == HostName("h2"))
            #expect(try life.machine("web1", host: "h1").isManaged == false)
        }
    }

    @Test func twoForeignMachinesOfOneNameAreNeverGuessedBetween() async throws {
        let worlds = [FakeWorld.standard(), FakeWorld.standard(hostname: "host-b")]
        try await ManagerBench.with(worlds) { life in
            for (index, world) in worlds.enumerated() { try world.virshDefine(FakeDefinition(id: .sample(UInt8(index + 1)), name: "twin")) }
            try await until("both seen") { life.fleet.view.machines(name: "twin").count == 2 }
            let error = try await refusal { _ = try life.machine("twin") }
            #expect(error.code == "vm.ambiguous" && error.category == .conflict)
            #expect(error.details["candidates"]?.arrayValue?.compactMap { $0["host"]?.stringValue } == ["h1", "h2"])
            #expect(try life.machine("twin", host: "h2").id == .sample(2))
            #expect(try life.machine(MachineID.sample(1).text).host == HostName("h1"))
            #expect(try life.machine(MachineID.sample(1).text.uppercased()).host == HostName("h1"))
            let absent = try await refusal { _ = try life.machine("twin", host: "h9") }
            #expect(absent.code == "host.not_found")
        }
    }

    @Test func thirtyCreatesOfOneNameMakeOne() async throws {
        try await ManagerBench.with { life in
            let outcomes = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<30 {
                    group.addTask {
                        do {
                            let job = try await life.end(try await Self.create(life, ["name": "one", "disks": [["size": "1GiB"]]]))
                            return job.state.rawValue
                        } catch let error as ServiceError {
                            return error.code
                        }
                    }
                }
                return try await group.reduce(into: [String: Int]()) { $0[$1, default: 0] += 1 }
            }
            #expect(outcomes["succeeded"] == 1)
            #expect((outcomes["vm.exists"] ?? 0) + (outcomes["vm.being_created"] ?? 0) == 29, "\(outcomes)")
            #expect(life.bench.world.inventory().machineNames == ["one"])
            #expect(life.bench.world.inventory().volumes.count == 2)
        }
    }

    @Test func oneKeyIsOneMachine() async throws {
        try await ManagerBench.with { life in
            let ids = try await withThrowingTaskGroup(of: JobID.self) { group in
                for _ in 0..<10 {
                    group.addTask {
                        // A late one finds the machine there; the door looks the key up before it asks the service.
                        let key = try #require(Mutation.sample(key: "k1").idempotency)
                        if let job = try life.manager.jobs.earlier(key) { return job.id }
                        do {
                            return try await life.end(try await Self.create(life, ["name": "keyed"], .sample(key: "k1"))).id
                        } catch let error as ServiceError where error.code == "vm.exists" {
                            return try #require(try life.manager.jobs.earlier(key)).id
                        }
                    }
                }
                return try await group.reduce(into: Set<JobID>()) { $0.insert($1) }
            }
            #expect(ids.count == 1)
            #expect(life.bench.world.inventory().machineNames == ["keyed"])
        }
    }

    @Test func twoCreatesWithOneVolume() async throws {
        try await ManagerBench.with { life in
            try SampleWorld.images(life.bench.world)
            let states = try await withThrowingTaskGroup(of: String.self) { group in
                for name in ["a", "b"] {
                    group.addTask {
                        do {
                            let end = try await life.end(
                                try await Self.create(life, ["name": .string(name), "disks": [["volume": "data.qcow2"]]]))
                            return end.failure?.code ?? end.state.rawValue
                        } catch let error as ServiceError {
                            return error.code
                        }
                    }
                }
                return try await group.reduce(into: [String]()) { $0.append($1) }
            }
            #expect(states.sorted() == ["succeeded", "volume.in_use"])
            #expect(life.bench.world.inventory().machines.count == 1)
        }
    }

    @Test func twoCreatesWithOneMAC() async throws {
        try await ManagerBench.with { life in
            let card: JSONValue = ["mac": "52:54:00:12:34:56", "network": "default"]
            life.bench.world.faults.hang(.define)
            let first = try await Self.create(life, ["name": "web1", "nics": [card]])
            await life.bench.world.faults.hangingCall(.only(.define))
            let error = try await refusal { _ = try await Self.create(life, ["name": "web2", "nics": [card]]) }
            #expect(error.code == "nic.being_created" && error.detail.contains("52:54:00:12:34:56"))
            life.bench.world.faults.release()
            #expect(try await life.end(first).state == .succeeded)
            let late = try await refusal { _ = try await Self.create(life, ["name": "web2", "nics": [card]]) }
            #expect(late.problems.map(\.pointer) == ["/nics/0/mac"])
        }
    }

    // MARK: Create or confirm

    @Test func putCreatesConfirmsAndTellsDifferences() async throws {
        try await ManagerBench.with { life in
            let body: JSONValue = ["memory": "512MiB", "disks": [["size": "1GiB"]], "labels": ["a": "b"]]
            #expect(try await life.end(try await life.manager.machines.put("web1", body, .sample)).state == .succeeded)
            guard case .unchanged = try await life.manager.machines.put("web1", body, .sample) else {
                Issue.record("not confirmed")
                return
            }
            let error = try await refusal {
                _ = try await life.manager.machines.put(
                    "web1", ["memory": "1GiB", "disks": [["size": "2GiB"]], "labels": ["a": "c"], "nics": [], "autostart": true], .sample)
            }
            #expect(error.code == "vm.differs")
            #expect(Set(error.problems.map(\.pointer)) == ["/memory", "/disks/0/size", "/labels", "/nics", "/autostart"])
            // What a GET shows can be PUT back.
            let shown = try JSONReader.parse(JSONWriter.encode(try life.machine("web1")))
            let own = try await life.manager.machines.put("web1", shown, .sample)
            if case .unchanged = own {} else { Issue.record("what was read was not confirmed") }
            let wrong = try await refusal { _ = try await life.manager.machines.put("web2", ["name": "web3"], .sample) }
            #expect(wrong.problems.map(\.pointer) == ["/name"])
        }
    }

    @Test func putComparesWhatADiskIsMadeFrom() async throws {
        let world = FakeWorld.standard()
        try SampleWorld.images(world)
        try await ManagerBench.with([world]) { life in
            let image: JSONValue = ["from": ["volume": "base.qcow2"], "mode": "linked", "size": "3GiB"]
            let data: JSONValue = ["volume": "data.qcow2"]
            #expect(try await life.end(try await life.manager.machines.put("web1", ["disks": [image, data]], .sample)).state == .succeeded)
            guard case .unchanged = try await life.manager.machines.put("web1", ["disks": [image, data]], .sample) else {
                Issue.record("not confirmed")
                return
            }
            let error = try await refusal {
                _ = try await life.manager.machines.put(
                    "web1", ["disks": [image.with(["size": "4GiB"]), data.with(["read_only": true])]], .sample)
            }
            #expect(error.problems.map(\.pointer) == ["/disks/0/size", "/disks/1/read_only"])
        }
    }

    @Test func putJoinsTheSameMachineOnItsWay() async throws {
        try await ManagerBench.with { life in
            life.bench.world.faults.hang(.define)
            let body: JSONValue = ["vcpus": 2, "disks": [["size": "1GiB"]], "nics": [["model": "e1000e", "mac": "52:54:00:12:34:56"]]]
            let first = try await life.manager.machines.put("web1", body, .sample)
            await life.bench.world.faults.hangingCall(.only(.define))
            guard case .job(let mine) = first, case .job(let joined) = try await life.manager.machines.put("web1", body, .sample)
            else {
                Issue.record("no jobs")
                return
            }
            #expect(joined.id == mine.id)
            let others: [JSONValue] = [
                body.with(["vcpus": 3]), body.with(["disks": [["size": "2GiB"]]]), body.with(["nics": [["model": "virtio"]]]),
                body.with(["expires_in": "1h"]),
            ]
            for other in others {
                let refused = try await refusal { _ = try await life.manager.machines.put("web1", other, .sample) }
                #expect(refused.code == "vm.being_created" && refused.details["made_by"] == .string(mine.id.text))
            }
            life.bench.world.faults.release()
            #expect(try await life.end(mine).state == .succeeded)
        }
    }

    /// Somebody takes the machine's name on the host between the look and the act.
    @Test func aNameTakenMeanwhileFailsCleanly() async throws {
        try await ManagerBench.with { life in
            let before = life.bench.world.inventory()
            life.bench.world.faults.run(at: .define) { try? $0.virshDefine(FakeDefinition(id: .sample(7), name: "web1")) }
            let end = try await life.end(try await Self.create(life, ["name": "web1", "disks": [["size": "1GiB"]]]))
            #expect(end.state == .failed && end.failure?.code == "vm.exists")
            #expect(life.bench.world.inventory().machines.map(\.id) == [.sample(7)])
            #expect(life.bench.world.inventory().orphans(since: before).isEmpty)
        }
    }

    @Test func aHostWithoutAWorkingAcceleratorSaysSo() async throws {
        let world = FakeWorld.standard()
        world.setProbe(.tcg, nil)
        try await ManagerBench.with([world]) { life in
            let end = try await life.end(try await Self.create(life, ["name": "web1", "disks": [["size": "1GiB"]]]))
            #expect(end.state == .failed && end.failure?.code == "host.no_accelerator")
            #expect(world.inventory().files.isEmpty && world.inventory().machines.isEmpty)
        }
    }

    @Test func fullPoolAndLostConnection() async throws {
        try await ManagerBench.with([.standard(poolCapacityBytes: 100_000)]) { life in
            let full = try await life.end(try await Self.create(life, ["name": "web1", "disks": [["size": "1GiB"]]]))
            #expect(full.state == .failed && full.failure?.code == "pool.no_space" && full.failure?.isRetryable == true)
            #expect(life.bench.world.inventory().files.isEmpty)
            // The answer of a define is lost, its effect is there.
            life.bench.world.faults.failAfter(.define)
            let lost = try await life.end(try await Self.create(life, ["name": "web2"]))
            #expect(lost.state == .succeeded, "\(lost.failure?.detail ?? "")")
            #expect(life.bench.world.inventory().machineNames == ["web2"])
        }
    }
}
