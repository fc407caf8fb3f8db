import Hypervisor
import JSON
import JobQueue
import TestSupport
import Testing

@testable import VirtManager

@Suite struct MachineChangeTests {
    typealias Life = ManagerBench.Life

    private static func withMachine(
        _ state: RunState = .running, installation: String = ManagerBench.installation, _ body: (Life) async throws -> Void
    ) async throws {
        let world = FakeWorld.standard()
        try await SampleWorld.machine(world, state, installation: installation)
        try await ManagerBench.with([world], body)
    }

    private static func patch(_ life: Life, _ patch: JSONValue, _ mutation: Mutation = .sample) async throws -> Outcome<MachineView> {
        try await life.manager.machines.update(life.machine("web1"), patch: patch, mutation)
    }

    private static func act(
        _ life: Life, _ action: MachineAction, _ body: JSONValue? = nil, _ mutation: Mutation = .sample
    ) async throws -> Outcome<MachineView> {
        try await life.manager.machines.act(action, on: life.machine("web1"), body: body, mutation)
    }

    // MARK: PATCH

    @Test func labelsAreMerged() async throws {
        try await Self.withMachine { life in
            let end = try await life.end(
                try await Self.patch(life, ["labels": ["tier": "gold", "team": .null], "description": "x\ny", "autostart": true]))
            #expect(end.state == .succeeded)
            var seen = try life.machine("web1")
            #expect(seen.labels == ["tier": "gold"])
            #expect(seen.observation.description == "x\ny" && seen.observation.autostart)
            guard case .unchanged = try await Self.patch(life, ["labels": ["tier": "gold", "gone": .null]]) else {
                Issue.record("a patch that changes nothing made a job")
                return
            }
            // Two patches in line lose nothing of each other.
            life.bench.world.faults.hang(.change)
            let one = try await Self.patch(life, ["labels": ["one": "1"]])
            await life.bench.world.faults.hangingCall(.only(.change))
            let two = try await Self.patch(life, ["labels": ["two": "2", "tier": .null]])
            life.bench.world.faults.release()
            _ = try await (life.end(one), life.end(two))
            seen = try life.machine("web1")
            #expect(seen.labels == ["one": "1", "two": "2"])
            let last = try await life.end(try await Self.patch(life, ["labels": .null, "description": .null]))
            #expect(last.state == .succeeded)
            #expect(try life.machine("web1").labels.isEmpty)
        }
    }

    @Test func whatWasReadCanBeSentBackAndReadOnlyFieldsAreNamed() async throws {
        try await Self.withMachine { life in
            let shown = try JSONReader.parse(JSONWriter.encode(try life.machine("web1")))
            guard case .unchanged = try await Self.patch(life, shown) else {
                Issue.record("changed")
                return
            }
            let error = try await refusal {
                _ = try await Self.patch(
                    life, ["firmware": "uefi", "state": "stopped", "id": "other", "colour": 1, "labels": ["a b": "c", "d": 7]])
            }
            #expect(Set(error.problems.map(\.pointer)) == ["/firmware", "/state", "/id", "/colour", "/labels"])
            #expect(error.problems.first { $0.pointer == "/firmware" }?.detail.contains("field.read_only") == true)
            #expect(error.code == "body.invalid")
            let only = try await refusal { _ = try await Self.patch(life, ["firmware": "uefi", "state": "stopped"]) }
            #expect(only.code == "field.read_only" && only.problems.count == 2)
        }
    }

    @Test func othersMachinesKeepNoLabelsOfOurs() async throws {
        try await Self.withMachine(.running, installation: "another") { life in
            #expect(try life.machine("web1").isManaged == false)
            let error = try await refusal { _ = try await Self.patch(life, ["labels": ["a": "b"]]) }
            #expect(error.code == "vm.unmanaged")
            #expect(try await life.end(try await Self.patch(life, ["description": "mine now"])).state == .succeeded)
            #expect(try await life.end(try await Self.act(life, .stop)).state == .succeeded)
            // Its disks are not ours to delete.
            let end = try await life.end(
                try await life.manager.machines.delete("web1", host: nil, disks: "owned", missingOK: false, .sample))
            #expect(end.state == .succeeded)
            #expect(life.bench.world.inventory().machines.isEmpty)
            #expect(life.bench.world.inventory().volumes.count == 3)
        }
    }

    // MARK: DELETE

    @Test func deleteTakesWhatItOwns() async throws {
        try await Self.withMachine { life in
            try SampleWorld.images(life.bench.world)
            life.bench.world.placeFile("\(SampleWorld.pool)/web1.console.log.0", [1, 2, 3])
            let end = try await life.end(
                try await life.manager.machines.delete("web1", host: nil, disks: "owned", missingOK: false, .sample))
            #expect(end.state == .succeeded, "\(end.failure?.detail ?? "")")
            #expect(life.bench.world.inventory().volumeNames == ["default/base.qcow2", "default/data.qcow2", "default/vmlinuz"])
            #expect(!life.bench.world.inventory().files.contains { $0.path.hasSuffix(".log.0") }, "a rotated log is left")
            let gone = try await refusal {
                _ = try await life.manager.machines.delete("web1", host: nil, disks: "owned", missingOK: false, .sample)
            }
            #expect(gone.code == "vm.not_found")
            guard case .absent = try await life.manager.machines.delete("web1", host: nil, disks: "owned", missingOK: true, .sample) else {
                Issue.record("missing=ok")
                return
            }
        }
    }

    @Test(arguments: [("none", ["default/data.qcow2", "default/web1-vda.qcow2", "default/web1-vdb.qcow2"]), ("all", [])])
    func deleteModes(_ mode: String, _ left: [String]) async throws {
        let world = FakeWorld.standard()
        try world.virshCreateVolume(VolumeSpec(reference: .sample("data.qcow2"), format: "qcow2", capacityBytes: 1 << 30))
        try await SampleWorld.machine(world, .stopped)
        let host = FakeHost(world)
        _ = try await host.connect()
        let disks = ["web1-vda.qcow2", "web1-vdb.qcow2", "data.qcow2"]
        try await host.define(
            .sample(
                1, name: "web1", disks: disks.map { "\(SampleWorld.pool)/\($0)" }, consoleLogPath: "\(SampleWorld.pool)/web1.console.log",
                metadata: MachineMetadata(
                    installation: ManagerBench.installation, job: "job-1", epoch: 1, createdAtMilliseconds: 0,
                    ownedVolumes: disks.prefix(2).map { .sample($0) } + [.sample("web1.console.log")])))
        try await ManagerBench.with([world]) { life in
            let before = world.inventory()
            guard
                case .plan(let plan) = try await life.manager.machines.delete(
                    "web1", host: nil, disks: mode, missingOK: false, .sample(dryRun: true))
            else {
                Issue.record("no plan")
                return
            }
            #expect(plan.isPossible && world.inventory() == before)
            let end = try await life.end(try await life.manager.machines.delete("web1", host: nil, disks: mode, missingOK: false, .sample))
            #expect(end.state == .succeeded, "\(end.failure?.detail ?? "")")
            #expect(world.inventory().volumeNames.filter { !$0.contains("console") } == left)
        }
    }

    @Test func aDeleteThatFailedHalfwayIsFinishedByARetry() async throws {
        try await Self.withMachine { life in
            life.bench.world.faults.fail(.deleteVolume, call: 2)
            let half = try await life.end(
                try await life.manager.machines.delete("web1", host: nil, disks: "owned", missingOK: false, .sample))
            #expect(half.state == .failed)
            #expect(life.bench.world.inventory().machines.isEmpty && life.bench.world.inventory().volumes.count == 2)
            let rest = try await life.end(try await life.manager.jobs.retry(half.id.text, .sample))
            #expect(rest.state == .succeeded && rest.retryOf == half.id, "\(rest.failure?.detail ?? "")")
            #expect(life.bench.world.inventory().files.isEmpty)
        }
    }

    @Test func whatWasKnownOfAVolumeGoesWithIt() async throws {
        try await ManagerBench.with { life in
            let storage = life.manager.storage
            let sent = try await storage.upload(
                pool: "default", volume: "disk.img", host: nil, UploadOptions(), source: ListSource([[1, 2, 3]]), .sample)
            #expect(try await life.end(sent).state == .succeeded)
            #expect(try await storage.volume(pool: "default", volume: "disk.img", host: nil).sha256 != nil)
            let made = try await life.manager.machines.create(["name": "web1", "disks": [["volume": "disk.img"]]], .sample)
            #expect(try await life.end(made).state == .succeeded)
            let gone = try await life.manager.machines.delete("web1", host: nil, disks: "all", missingOK: false, .sample)
            #expect(try await life.end(gone).state == .succeeded)
            let anew = try await storage.createVolume(pool: "default", host: nil, ["name": "disk.img", "size": "1GiB"], .sample)
            #expect(try await life.end(anew).state == .succeeded)
            #expect(try await storage.volume(pool: "default", volume: "disk.img", host: nil).sha256 == nil)
        }
    }

    @Test func deleteIsRefusedWhileOthersStandOnTheDisks() async throws {
        try await Self.withMachine(.stopped) { life in
            try life.bench.world.virshCreateVolume(
                VolumeSpec(
                    reference: VolumeReference(pool: "default", volume: "child.qcow2"), format: "qcow2", capacityBytes: nil,
                    backing: .init(path: "web1-vda.qcow2", format: "qcow2")))
            try await until("the child is seen") {
                life.manager.fleet.lastSeen(VolumeReference(pool: "default", volume: "child.qcow2"), on: life.manager.hosts.all[0].name)
                    != nil
            }
            let before = life.bench.world.inventory()
            let error = try await refusal {
                _ = try await life.manager.machines.delete("web1", host: nil, disks: "owned", missingOK: true, .sample)
            }
            #expect(error.code == "vm.disks_in_use" && error.detail.contains("child.qcow2"))
            #expect(life.bench.world.inventory() == before)
            let end = try await life.end(try await life.manager.machines.delete("web1", host: nil, disks: "none", missingOK: true, .sample))
            #expect(end.state == .succeeded)
        }
    }

    // MARK: Power

    @Test func whatIsSoAlreadyChangesNothing() async throws {
        for (state, actions) in [
            (RunState.running, [MachineAction.start, .resume]), (.stopped, [.stop, .shutdown]), (.paused, [.pause]),
        ] {
            try await Self.withMachine(state) { life in
                let calls = life.bench.world.faults.changingCount
                for action in actions {
                    guard case .unchanged = try await Self.act(life, action) else {
                        Issue.record("\(action) of a \(state) machine")
                        continue
                    }
                }
                #expect(life.bench.world.faults.changingCount == calls)
            }
        }
    }

    @Test func aWrongStateNamesWhatCanBeDone() async throws {
        for (state, action) in [
            (RunState.stopped, MachineAction.pause), (.stopped, .reset), (.stopped, .reboot), (.stopped, .resume), (.paused, .shutdown),
        ] {
            try await Self.withMachine(state) { life in
                let error = try await refusal { _ = try await Self.act(life, action) }
                #expect(error.code == "vm.wrong_state")
                let allowed = error.details["allowed_actions"]?.arrayValue?.compactMap(\.stringValue)
                #expect(allowed == MachineAction.allCases.filter { $0.isAllowed(in: state) }.map(\.rawValue))
                guard case .plan(let plan) = try await Self.act(life, action, nil, .sample(dryRun: true)) else {
                    Issue.record("no plan")
                    return
                }
                #expect(!plan.isPossible)
            }
        }
    }

    @Test func aTransientMachineIsNotRebootedAway() async throws {
        let world = FakeWorld.standard()
        try world.virshCreate(FakeDefinition(id: .sample(1), name: "web1"))
        try await ManagerBench.with([world]) { life in
            let error = try await refusal { _ = try await Self.act(life, .reboot) }
            #expect(error.code == "vm.transient")
            #expect(try await life.end(try await Self.act(life, .reset)).state == .succeeded)
            #expect(try await life.end(try await Self.act(life, .stop)).state == .succeeded)
            #expect(life.bench.world.inventory().machines.isEmpty)
            #expect(throws: ServiceError.self) { try life.machine("web1") }
        }
    }

    @Test func aStubbornGuestIsStoppedOrLeftAsAskedFor() async throws {
        try await Self.withMachine { life in
            life.bench.world.setGuest(.sample(1), FakeGuest(shutdown: .ignores))
            let left = try await life.end(try await Self.act(life, .shutdown, ["grace": "2s", "then": "fail"]))
            #expect(left.state == .failed && left.failure?.code == "vm.shutdown_timeout" && left.failure?.isRetryable == true)
            #expect(life.bench.world.inventory().machines.first?.state == .running)
            let stopped = try await life.end(try await Self.act(life, .shutdown, ["grace": "0s"]))
            #expect(stopped.state == .succeeded)
            #expect(life.bench.world.inventory().machines.first?.state == .stopped)
            let bad = try await refusal { _ = try await Self.act(life, .shutdown, ["grace": "2h", "then": "pray", "force": true]) }
            #expect(Set(bad.problems.map(\.pointer)) == ["/grace", "/then", "/force"])
        }
    }

    @Test func aGateEndsWithItsMachine() async throws {
        try await Self.withMachine(.stopped) { life in
            life.bench.world.setGuest(.sample(1), FakeGuest(agent: .absent))
            let silent = try await life.end(try await Self.act(life, .start, ["wait_for": ["running", "agent"], "wait_timeout": "5s"]))
            #expect(silent.state == .failed && silent.failure?.code == "gate.agent_timeout" && silent.failure?.isRetryable == true)
            #expect(life.bench.world.inventory().machines.first?.state == .running, "what was started stays")
            try life.bench.world.virshDestroy(.sample(1))
            try await until("off") { try life.machine("web1").state == .stopped }
            life.bench.world.faults.run(at: .pingAgent, call: 3) { $0.guestPowersOff(.sample(1)) }
            let end = try await life.end(try await Self.act(life, .start, ["wait_for": ["agent"]]))
            #expect(end.state == .failed && end.failure?.code == "gate.agent_failed")
        }
    }

    @Test func ifBusyFailDoesNotQueue() async throws {
        try await Self.withMachine { life in
            life.bench.world.faults.hang(.suspend)
            let first = try await Self.act(life, .pause)
            await life.bench.world.faults.hangingCall(.only(.suspend))
            let error = try await refusal { _ = try await Self.act(life, .stop, nil, .sample(failIfBusy: true)) }
            #expect(error.code == "resource.busy" && error.isRetryable)
            guard case .job(let pause) = first, case .job(let stop) = try await Self.act(life, .stop) else {
                Issue.record("no jobs")
                return
            }
            #expect(error.job == pause.id)
            #expect(stop.state == .waiting && stop.blockedBy == ["/v1/jobs/\(pause.id)"])
            #expect(try life.machine("web1").activeJob == pause.id)
            life.bench.world.faults.release()
            #expect(try await life.end(stop).state == .succeeded)
            try await until("nothing in hand") { try life.machine("web1").activeJob == nil }
        }
    }
}
