import Hypervisor
import JSON
import JobQueue
import TestSupport
import Testing

@testable import VirtManager

@Suite struct AdoptTests {
    typealias Life = ManagerBench.Life

    /// A machine that another tool made, with two disks in the pool.
    static func foreign(_ world: FakeWorld, name: String = "Old_VM", number: UInt8 = 7, state: RunState = .stopped) async throws {
        let disks = ["a", "b"].map { VolumeReference.sample("\(name)-\($0).qcow2") }
        for disk in disks { try world.virshCreateVolume(VolumeSpec(reference: disk, format: "qcow2", capacityBytes: 1 << 30)) }
        try world.virshDefine(definition(name, number, disks))
        if state != .stopped { try world.virshStart(.sample(number), paused: state == .paused) }
    }

    private static func definition(_ name: String, _ number: UInt8, _ disks: [VolumeReference]) -> FakeDefinition {
        FakeDefinition(
            id: .sample(number), name: name,
            hardware: MachineHardware(
                accelerator: .tcg, vcpus: 1, vcpusMax: 1, memoryBytes: 1 << 28, memoryMaxBytes: 1 << 28, machineType: "pc-q35-7.2",
                disks: disks.enumerated().map { index, disk in
                    DiskObservation(
                        target: "vd\(["a", "b"][index % 2])", device: "disk", bus: "virtio", path: "\(SampleWorld.pool)/\(disk.volume)",
                        format: "qcow2")
                }))
    }

    private static func adopt(_ life: Life, _ name: String, _ body: JSONValue? = nil) async throws -> Outcome<MachineView> {
        try await life.manager.machines.adopt(life.machine(name), body: body, .sample)
    }

    @Test func filesOutsideOfPoolsAreTold() async throws {
        let world = FakeWorld.standard()
        var machine = Self.definition("legacy", 7, [])
        machine.hardware.consoleLogPath = "/var/log/legacy.log"
        machine.hardware.boot = DirectBoot(kernelPath: "/boot/vmlinuz", initrdPath: nil, cmdline: "")
        try world.virshDefine(machine)
        try await ManagerBench.with([world]) { life in
            guard case .plan(let plan) = try await life.manager.machines.adopt(life.machine("legacy"), body: nil, .sample(dryRun: true))
            else {
                Issue.record("no plan")
                return
            }
            for path in ["/boot/vmlinuz", "/var/log/legacy.log"] {
                #expect(plan.warnings.count { $0.contains("'\(path)'") && $0.contains("lies in no pool") } == 1)
            }
        }
    }

    @Test func aMachineOfAnotherToolBecomesOurs() async throws {
        let world = FakeWorld.standard()
        try await Self.foreign(world, name: "legacy", state: .running)
        world.setLint(.sample(7), ["devices of the host are given to the guest (hostdev, 1)"])
        try await ManagerBench.with([world]) { life in
            #expect(try !life.machine("legacy").isManaged)
            guard case .plan(let plan) = try await life.manager.machines.adopt(life.machine("legacy"), body: nil, .sample(dryRun: true))
            else {
                Issue.record("no plan")
                return
            }
            #expect(plan.steps == ["check", "mark"] && plan.warnings == ["devices of the host are given to the guest (hostdev, 1)"])
            let end = try await life.end(try await Self.adopt(life, "legacy", ["labels": ["team": "db"]]))
            #expect(end.state == .succeeded, "\(String(describing: end.failure))")
            #expect(end.result?["warnings"]?[0]?.stringValue?.contains("hostdev") == true)
            let seen = try life.machine("legacy")
            #expect(seen.isManaged && seen.labels == ["team": "db"] && seen.state == .running)
            #expect(seen.observation.metadata?.machine == MachineID.sample(7).text && seen.observation.metadata?.accel == "tcg")
            #expect(seen.observation.metadata?.ownedVolumes.isEmpty == true)
            guard case .unchanged = try await Self.adopt(life, "legacy") else {
                Issue.record("adopted twice")
                return
            }
            // All verbs work; its disks stay when it goes.
            #expect(try await life.end(try await life.manager.machines.act(.reboot, on: seen, body: nil, .sample)).state == .succeeded)
            let gone = try await life.end(
                try await life.manager.machines.delete("legacy", host: nil, disks: "owned", missingOK: false, .sample))
            #expect(gone.state == .succeeded)
            #expect(world.inventory().volumeNames == ["default/legacy-a.qcow2", "default/legacy-b.qcow2"])
        }
    }

    @Test func aNameThatDoesNotFitIsChangedOnTheWay() async throws {
        let world = FakeWorld.standard()
        try await Self.foreign(world, state: .running)
        try await SampleWorld.machine(world, .stopped)
        try await ManagerBench.with([world]) { life in
            #expect(try await refusal { _ = try await Self.adopt(life, "Old_VM") }.code == "vm.bad_name")
            #expect(try await refusal { _ = try await Self.adopt(life, "Old_VM", ["name": "new"]) }.code == "vm.wrong_state")
            try world.virshDestroy(.sample(7))
            try await until("it is off") { try life.machine("Old_VM").state == .stopped }
            #expect(try await refusal { _ = try await Self.adopt(life, "Old_VM", ["name": "web1"]) }.code == "vm.exists")
            let bad = try await refusal { _ = try await Self.adopt(life, "Old_VM", ["name": "A B", "colour": 1, "labels": ["a b": "c"]]) }
            #expect(Set(bad.problems.map(\.pointer)) == ["/name", "/colour", "/labels"])
            let end = try await life.end(try await Self.adopt(life, "Old_VM", ["name": "new", "owned_disks": true]))
            #expect(end.state == .succeeded, "\(String(describing: end.failure))")
            let seen = try life.machine("new")
            #expect(seen.isManaged && seen.id == .sample(7))
            #expect(seen.observation.metadata?.ownedVolumes == [.sample("Old_VM-a.qcow2"), .sample("Old_VM-b.qcow2")])
            _ = try await life.end(try await life.manager.machines.delete("new", host: nil, disks: "owned", missingOK: false, .sample))
            #expect(!world.inventory().volumeNames.contains { $0.contains("Old_VM") })
        }
    }

    @Test func whatIsNotForUs() async throws {
        let world = FakeWorld.standard()
        try await SampleWorld.machine(world, .stopped, name: "theirs", number: 3, installation: "another")
        try await Self.foreign(world, name: "one")
        try world.virshDefine(Self.definition("two", 8, [.sample("one-a.qcow2")]))
        try world.virshCreate(Self.definition("three", 9, []))
        try await ManagerBench.with([world]) { life in
            let theirs = try await refusal { _ = try await Self.adopt(life, "theirs") }
            #expect(theirs.code == "vm.other_installation")
            let transient = try await refusal { _ = try await Self.adopt(life, "three") }
            #expect(transient.code == "vm.transient")
            let shared = try await refusal { _ = try await Self.adopt(life, "two", ["owned_disks": true]) }
            #expect(shared.code == "vm.disks_in_use")
            let end = try await life.end(try await Self.adopt(life, "two"))
            #expect(end.state == .succeeded)
        }
    }
}
