import Hypervisor
import JSON
import JobQueue
import TestSupport
import Testing

@testable import VirtManager

/// What a start does besides starting, and managed save.
@Suite struct MachineStartTests {
    typealias Life = ManagerBench.Life

    private static func act(
        _ life: Life, _ action: MachineAction, _ body: JSONValue? = nil
    ) async throws -> Outcome<MachineView> {
        try await life.manager.machines.act(action, on: life.machine("web1"), body: body, .sample)
    }

    private static func log(_ life: Life, _ job: Job) async throws -> String {
        try await life.manager.jobs.log(job.id, after: 0, limit: 1000).map(\.message).joined(separator: "\n")
    }

    @Test func savedMemoryGoesOnOrIsForgotten() async throws {
        let world = FakeWorld.standard()
        try await SampleWorld.machine(world, .running)
        try await ManagerBench.with([world]) { life in
            #expect(try life.machine("web1").allowedActions.contains(.save))
            #expect(try await life.end(try await Self.act(life, .save)).state == .succeeded)
            #expect(try life.machine("web1").state == .saved)
            guard case .unchanged = try await Self.act(life, .save) else {
                Issue.record("saving a saved machine changed something")
                return
            }
            let restored = try await life.end(try await Self.act(life, .start))
            #expect(restored.state == .succeeded)
            #expect(try life.machine("web1").observation.stateReason == "restored")
            #expect(try await Self.log(life, restored).contains("the guest's clock was set"))

            _ = try await life.end(try await Self.act(life, .save))
            let booted = try await life.end(try await Self.act(life, .start, ["restore": false]))
            #expect(try life.machine("web1").observation.stateReason == "booted")
            #expect(try await Self.log(life, booted).contains("the saved memory was forgotten"))
            #expect(try await !Self.log(life, booted).contains("clock"))
        }
    }

    @Test func aBrokenImageSaysWhatToDo() async throws {
        let world = FakeWorld.standard()
        try await SampleWorld.saved(world)
        try await ManagerBench.with([world]) { life in
            world.faults.fail(.start, with: .operationFailed, "internal error: unable to read the image")
            let end = try await life.end(try await Self.act(life, .start))
            #expect(end.state == .failed && end.failure?.code == "vm.restore_failed")
            #expect(end.failure?.hints.first?.contains("\"restore\": false") == true)
            #expect(try life.machine("web1").state == .saved)
        }
    }

    @Test func theClockIsAFavour() async throws {
        let world = FakeWorld.standard()
        try await SampleWorld.machine(world, .paused)
        try await ManagerBench.with([world]) { life in
            // Without hwclock in the guest its date has to do.
            world.faults.fail(.setTime, with: .unsupported, "this feature or command is not currently supported")
            let resumed = try await life.end(try await Self.act(life, .resume))
            #expect(resumed.state == .succeeded)
            #expect(try await Self.log(life, resumed).contains("the guest's clock was"))
            // An agent that is silent holds up nothing for long and fails nothing.
            _ = try await life.end(try await Self.act(life, .pause))
            world.setGuest(.sample(1), FakeGuest(agent: .silent))
            #expect(try await life.end(try await Self.act(life, .resume)).state == .succeeded)
            // Without one nothing is asked.
            _ = try await life.end(try await Self.act(life, .pause))
            world.setGuest(.sample(1), FakeGuest(agent: .absent))
            world.faults.forgetCalls()
            #expect(try await life.end(try await Self.act(life, .resume)).state == .succeeded)
            #expect(!world.faults.log.contains { $0.method == .setTime || $0.method == .startProcess })
        }
    }

    @Test func autoIsResolvedAtEachStart() async throws {
        let world = FakeWorld.standard()
        // Made where KVM ran code; it does not any more.
        let host = FakeHost(world)
        _ = try await host.connect()
        var spec = MachineSpec.sample(
            1, name: "web1", accelerator: .kvm,
            metadata: MachineMetadata(installation: ManagerBench.installation, job: "job-1", epoch: 1, createdAtMilliseconds: 0))
        spec.cpu = "host-model"
        try await host.define(spec)
        world.detach(host)
        try await ManagerBench.with([world]) { life in
            #expect(try await life.end(try await Self.act(life, .start)).state == .succeeded)
            let hardware = try life.machine("web1").observation.hardware
            #expect(hardware.accelerator == .tcg && hardware.cpu == "max")
        }
    }

    /// The hypervisor makes them anew, without the boot entries that were in them.
    @Test func missingVariablesOfTheFirmwareAreTold() async throws {
        let world = FakeWorld.standard()
        try SampleWorld.images(world)
        try await ManagerBench.with([world]) { life in
            let body: JSONValue = ["name": "web1", "memory": "256MiB", "firmware": "uefi", "disks": [["size": "1GiB"]], "start": true]
            let made = try await life.end(try await life.manager.machines.create(body, .sample))
            #expect(made.state == .succeeded)
            _ = try await life.end(try await Self.act(life, .stop))
            let path = try #require(try life.machine("web1").observation.hardware.firmware.nvramPath)
            world.removeFile(path)
            let end = try await life.end(try await Self.act(life, .start))
            #expect(end.state == .succeeded)
            #expect(try await Self.log(life, end).contains("web1-\(made.id.short).nvram.fd"))
        }
    }

    @Test func whatIsMissingIsNamed() async throws {
        let world = FakeWorld.standard()
        try await SampleWorld.machine(world, .stopped)
        try await ManagerBench.with([world]) { life in
            world.virshSetNetwork("default", isActive: false)
            let inactive = try await life.end(try await Self.act(life, .start))
            #expect(inactive.failure?.code == "network.inactive" && inactive.failure?.detail.contains("'default'") == true)
            world.virshSetNetwork("default", isActive: true)
            world.removeFile("\(SampleWorld.pool)/web1-vdb.qcow2")
            let gone = try await life.end(try await Self.act(life, .start))
            #expect(gone.failure?.code == "volume.not_found", "\(String(describing: gone.failure))")
            #expect(gone.failure?.detail.contains("web1-vdb.qcow2") == true && gone.failure?.detail.contains("vdb") == true)
        }
    }
}
