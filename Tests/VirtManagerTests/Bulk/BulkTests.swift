import Hypervisor
import JSON
import JobQueue
import TestSupport
import Testing

@testable import VirtManager

@Suite struct BulkTests {
    typealias Life = ManagerBench.Life

    /// Machines `web1` …, all of ours and running.
    private static func world(_ count: UInt8) async throws -> FakeWorld {
        let world = FakeWorld.standard()
        for number in 1...count { try await SampleWorld.machine(world, .running, name: "web\(number)", number: number) }
        return world
    }

    private static func act(
        _ life: Life, _ action: BulkAction, _ body: JSONValue? = nil, _ mutation: Mutation = .sample
    ) async throws -> Outcome<BulkResult> {
        try await life.manager.machines.act(action, on: life.manager.machines.view.machines, body: body, mutation)
    }

    private static func states(_ job: Job) -> [String] { (job.result?["vms"]?.arrayValue ?? []).compactMap { $0["state"]?.stringValue } }

    private static func children(_ life: Life, _ kind: String) async throws -> [Job] {
        var filter = JobFilter()
        filter.kinds = [kind]
        return try await life.manager.jobs.list(filter, after: nil, limit: 1000)
    }

    @Test func eachMachineHasItsOwnJob() async throws {
        try await ManagerBench.with([try await Self.world(5)]) { life in
            let world = life.bench.world
            try world.virshDestroy(.sample(2))
            try await until("web2 is off") { try life.machine("web2").state == .stopped }
            let end = try await life.end(try await Self.act(life, .power(.stop)))
            #expect(end.state == .succeeded && end.kind == "vms.stop", "\(String(describing: end.failure))")
            #expect(Self.states(end) == ["succeeded", "unchanged", "succeeded", "succeeded", "succeeded"])
            #expect(world.inventory().machines.allSatisfy { $0.state == .stopped })
            let children = try await Self.children(life, "vm.stop")
            #expect(children.count == 4 && children.allSatisfy { $0.reason == "vms.stop \(end.id)" && $0.requestor.name == "root" })
            let shown = try #require(end.result?["vms"]?[0])
            let first = try #require(children.first { $0.resources == [MachineView.path(.sample(1))] })
            #expect(shown["name"] == "web1" && shown["job"]?.stringValue == first.id.text && shown["error"] == .null)
        }
    }

    @Test func whatFailsIsNamedAndTheRestIsDone() async throws {
        try await ManagerBench.with([try await Self.world(3)]) { life in
            let world = life.bench.world
            try world.virshSuspend(.sample(2))
            try await until("web2 is paused") { try life.machine("web2").state == .paused }
            let end = try await life.end(try await Self.act(life, .power(.shutdown), ["grace": "1s"]))
            #expect(end.state == .failed && end.failure?.code == "vms.partly_failed")
            #expect(Self.states(end) == ["succeeded", "failed", "succeeded"])
            #expect(end.failure?.detail.contains("web2 (vm.wrong_state)") == true)
            #expect(end.failure?.details["vms"]?.arrayValue?.count == 1 && end.failure?.details["failed"] == 1)
            #expect(world.inventory().machines.map(\.state) == [.stopped, .paused, .stopped])
            // The result is in the database too.
            #expect(try life.manager.engine.store.job(end.id)?.result == end.result)
        }
    }

    @Test func deletionLeavesOthersAloneAndFindsTheOrder() async throws {
        let world = try await Self.world(2)
        try await AdoptTests.foreign(world, name: "legacy")
        // web1's disk carries one of web2: it goes when that is gone.
        try world.virshDeleteVolume(.sample("web2-vdb.qcow2"))
        try world.virshCreateVolume(
            VolumeSpec(
                reference: .sample("web2-vdb.qcow2"), format: "qcow2", capacityBytes: 1 << 30,
                backing: .init(path: "\(SampleWorld.pool)/web1-vda.qcow2", format: "qcow2")))
        try await ManagerBench.with([world]) { life in
            guard case .plan(let plan) = try await Self.act(life, .delete, nil, .sample(dryRun: true)) else {
                Issue.record("no plan")
                return
            }
            #expect(plan.machines?.compactMap { $0["name"]?.stringValue } == ["web1", "web2"])
            #expect(plan.warnings.contains { $0.contains("'legacy'") } && plan.isPossible)
            #expect(world.inventory().machines.count == 3)
            let end = try await life.end(try await Self.act(life, .delete))
            #expect(end.state == .succeeded, "\(String(describing: end.failure))")
            #expect(world.inventory().machineNames == ["legacy"])
            #expect(world.inventory().volumeNames == ["default/legacy-a.qcow2", "default/legacy-b.qcow2"])
            guard case .unchanged(let none) = try await Self.act(life, .delete) else {
                Issue.record("an empty set made a job")
                return
            }
            #expect(none.entries.isEmpty)
        }
    }

    @Test func aDeathDoublesNothing() async throws {
        let world = try await Self.world(6)
        let bench = try ManagerBench([world])
        var life = try await bench.start()
        world.faults.hang(.reset, call: 3)
        guard case .job(let job) = try await Self.act(life, .power(.reset)) else {
            Issue.record("no job")
            return
        }
        await world.faults.hangingCall(.only(.reset))
        try await life.kill()
        world.faults.clear()
        life = try await bench.start()
        let end = try await life.end(job)
        #expect(end.state == .succeeded && end.attempt == 2, "\(String(describing: end.failure))")
        #expect(Self.states(end) == Array(repeating: "succeeded", count: 6))
        #expect(try await Self.children(life, "vm.reset").count == 6)
        try await life.stop()
    }

    @Test func cancelReachesTheOthers() async throws {
        try await ManagerBench.with([try await Self.world(3)]) { life in
            let world = life.bench.world
            // One is at work and past its cancel, the others wait behind work of somebody else.
            world.faults.hang(.change)
            var others: [Outcome<MachineView>] = []
            for name in ["web2", "web3"] {
                others.append(try await life.manager.machines.update(life.machine(name), patch: ["description": "x"], .sample))
            }
            await world.faults.hangingCall(.only(.change))
            guard case .job(let job) = try await Self.act(life, .power(.stop)) else {
                Issue.record("no job")
                return
            }
            try await until("its jobs are there") { try await Self.children(life, "vm.stop").count == 3 }
            try await until("web1 is off") { try life.machine("web1").state == .stopped }
            _ = try await life.manager.jobs.cancel(job.id.text)
            world.faults.release()
            #expect(try await life.end(job).state == .cancelled)
            for other in others { #expect(try await life.end(other).state == .succeeded) }
            let children = try await Self.children(life, "vm.stop")
            #expect(children.count { $0.state == .succeeded } >= 1 && children.contains { $0.state == .cancelled })
            let haveEnded = children.allSatisfy { $0.state.isTerminal }
            #expect(haveEnded)
        }
    }

    /// Killed right after the cancel was promised, before the others heard of it.
    @Test func aCancelOutlivesADeath() async throws {
        let world = try await Self.world(2)
        let bench = try ManagerBench([world])
        var life = try await bench.start()
        // The machines' jobs wait behind work of somebody else.
        world.faults.plan(.only(.change), times: nil, .hang)
        var others: [Outcome<MachineView>] = []
        for name in ["web1", "web2"] {
            others.append(try await life.manager.machines.update(life.machine(name), patch: ["description": "x"], .sample))
        }
        await world.faults.hangingCall(.only(.change))
        guard case .job(let job) = try await Self.act(life, .power(.stop)) else {
            Issue.record("no job")
            return
        }
        try await until("its jobs are there") { try await Self.children(life, "vm.stop").count == 2 }
        try await life.manager.engine.store.requestCancel(job.id, seq: 1_000_000)
        try await life.kill()
        life = try await bench.start()
        #expect(try await life.end(job).state == .cancelled)
        let children = try await Self.children(life, "vm.stop")
        #expect(children.count == 2 && children.allSatisfy { $0.state == .cancelled })
        world.faults.clear()
        for case .job(let other) in others { #expect(try await life.end(other).state == .succeeded) }
        #expect(world.inventory().machines.allSatisfy { $0.state == .running })
        try await life.stop()
    }

    @Test func aWrongBodyIsRefusedForAll() async throws {
        try await ManagerBench.with([try await Self.world(1)]) { life in
            let error = try await refusal { _ = try await Self.act(life, .power(.shutdown), ["grace": "soon", "colour": 1]) }
            #expect(Set(error.problems.map(\.pointer)) == ["/grace", "/colour"])
            #expect(try await Self.children(life, "vms.shutdown").isEmpty)
        }
    }
}
