import Hypervisor
import TestSupport
import Testing

@Suite("Fake host: machines")
struct FakeMachineTests {
    let world = FakeWorld.standard()
    let host: FakeHost

    init() async throws {
        host = FakeHost(world)
        _ = try await host.connect()
    }

    func code(_ body: () async throws(HypervisorError) -> Void) async -> HypervisorError.Code? {
        do throws(HypervisorError) {
            try await body()
            return nil
        } catch {
            return error.code
        }
    }

    @Test func wrongTransitionsSayWhatLibvirtSays() async throws {
        let id = MachineID.sample(1)
        #expect(await code { () async throws(HypervisorError) in try await host.start(id) } == .machineNotFound)
        try await host.define(.sample(1, name: "a"))
        for call in [host.destroy, host.suspend, host.resume, host.reset, host.requestShutdown, host.requestReboot] {
            #expect(await code { () async throws(HypervisorError) in try await call(id) } == .invalidState)
        }
        try await host.start(id)
        do throws(HypervisorError) {
            try await host.start(id)
            Issue.record("an active machine started")
        } catch {
            #expect(error.code == .invalidState)
            #expect(error.function == "start")
            #expect(error.native?.code == 55)
        }
        #expect(await code { () async throws(HypervisorError) in try await host.resume(id) } == .invalidState)
        try await host.suspend(id)
        try await host.suspend(id)
        #expect(try await host.machine(id)?.state == .paused)
        try await host.resume(id)
        try await host.destroy(id)
        #expect(try await host.machine(id)?.stateReason == "destroyed")
    }

    @Test func namesAndIdsClash() async throws {
        try await host.define(.sample(1, name: "a"))
        #expect(await code { () async throws(HypervisorError) in try await host.define(.sample(2, name: "a")) } == .alreadyExists)
        #expect(await code { () async throws(HypervisorError) in try await host.define(.sample(1, name: "b")) } == .alreadyExists)
        var again = MachineSpec.sample(1, name: "a")
        again.description = "second"
        try await host.define(again)
        #expect(try await host.machines().map(\.description) == ["second"])
    }

    @Test func undefineOfAnActiveMachineMakesItTransient() async throws {
        let id = MachineID.sample(1)
        try await host.define(.sample(1, name: "a"))
        try await host.start(id)
        try await host.undefine(id)
        #expect(try await host.machine(id)?.isPersistent == false)
        #expect(await code { () async throws(HypervisorError) in try await host.undefine(id) } == .invalidState)
        try await host.destroy(id)
        #expect(try await host.machine(id) == nil)
        #expect(await code { () async throws(HypervisorError) in try await host.start(id) } == .machineNotFound)
        try await host.define(.sample(2, name: "a"))
    }

    @Test func aStartNeedsItsFilesAndNetworks() async throws {
        let image = "/var/lib/libvirt/images/a.qcow2"
        try await host.define(.sample(1, name: "a", disks: [image]))
        #expect(await code { () async throws(HypervisorError) in try await host.start(.sample(1)) } == .operationFailed)
        try await host.createVolume(VolumeSpec(reference: .sample("a.qcow2"), format: "qcow2", capacityBytes: 1 << 30))
        try await host.start(.sample(1))
        try await host.define(.sample(2, name: "b", disks: [image]))
        do throws(HypervisorError) {
            try await host.start(.sample(2))
            Issue.record("two machines write to one image")
        } catch {
            #expect(error.message.contains("write"))
        }
        try await host.define(.sample(3, name: "c", networks: ["lonely"]))
        #expect(await code { () async throws(HypervisorError) in try await host.start(.sample(3)) } == .invalidState)
        try await host.define(.sample(4, name: "d", networks: ["nowhere"]))
        #expect(await code { () async throws(HypervisorError) in try await host.start(.sample(4)) } == .networkNotFound)
        try await host.define(.sample(5, name: "e", boot: DirectBoot(kernelPath: "/boot/k", initrdPath: nil, cmdline: "")))
        #expect(await code { () async throws(HypervisorError) in try await host.start(.sample(5)) } == .operationFailed)
        world.placeFile("/boot/k", [1])
        try await host.start(.sample(5))
    }

    @Test func aGuestBootsAndObeysInTicks() async throws {
        let id = MachineID.sample(1)
        world.defaultGuest = FakeGuest(bootTicks: 2, shutdown: .obeys(afterTicks: 1))
        try await host.define(.sample(1, name: "a"))
        try await host.start(id)
        #expect(await code { () async throws(HypervisorError) in try await host.pingAgent(id) } == .agentUnavailable)
        try await host.requestShutdown(id)
        world.tick(2)
        #expect(try await host.machine(id)?.state == .running, "a guest that is not up hears nothing")
        try await host.pingAgent(id)
        #expect(try await host.addresses(id, source: .lease).map(\.address) == ["192.168.122.100"])
        #expect(try await host.addresses(id, source: .agent).map(\.prefix) == [24])
        #expect(try await host.leases("default").map(\.hostname) == ["a"])
        try await host.requestShutdown(id)
        #expect(try await host.machine(id)?.state == .running)
        world.tick()
        #expect(try await host.machine(id)?.stateReason == "shutdown")
    }

    @Test func aStubbornGuestAndASilentAgent() async throws {
        let id = MachineID.sample(1)
        try await host.define(.sample(1, name: "a"))
        world.setGuest(id, FakeGuest(shutdown: .ignores, agent: .silent, hasAddress: false))
        try await host.start(id)
        try await host.requestShutdown(id)
        world.tick(100)
        let machine = try #require(try await host.machine(id))
        #expect(machine.state == .running && machine.agentConnected)
        #expect(await code { () async throws(HypervisorError) in try await host.pingAgent(id) } == .agentUnavailable)
        #expect(try await host.addresses(id, source: .lease).isEmpty)
    }

    @Test func anAcceleratorThatRunsNoCodeShowsInItsGuest() async throws {
        #expect(try await host.bootProbe(.tcg, name: "gantry-work-1", limit: .seconds(5)) == .milliseconds(300))
        #expect(try await host.bootProbe(.kvm, name: "gantry-work-1", limit: .seconds(5)) == nil)
        #expect(
            await code { () async throws(HypervisorError) in
                _ = try await host.bootProbe(.native, name: "gantry-work-1", limit: .seconds(5))
            } == .invalidArgument)
        try await host.define(.sample(1, name: "a", accelerator: .kvm))
        try await host.start(.sample(1))
        world.tick(100)
        let machine = try #require(try await host.machine(.sample(1)))
        #expect(machine.state == .running && !machine.agentConnected)
    }

    @Test func theStartMarkGoesWithTheGuest() async throws {
        let id = MachineID.sample(1)
        try await host.define(.sample(1, name: "a"))
        #expect(await code { () async throws(HypervisorError) in try await host.markStarted(id, atMilliseconds: 5) } == .invalidState)
        try await host.start(id)
        try await host.markStarted(id, atMilliseconds: 5)
        try await host.change(id, MachineChange(description: "hello", autostart: true))
        let machine = try #require(try await host.machine(id))
        #expect(machine.startedAtMilliseconds == 5 && machine.description == "hello" && machine.autostart)
        try await host.destroy(id)
        #expect(try await host.machine(id)?.startedAtMilliseconds == nil)
        #expect(try await host.machine(id)?.description == "hello")
    }

    @Test func aMachineInAnOperationIsBusyUntilItIsAborted() async throws {
        let id = MachineID.sample(1)
        try await host.define(.sample(1, name: "a"))
        try await host.start(id)
        #expect(await code { () async throws(HypervisorError) in try await host.abortOperation(id) } == .invalidState)
        try world.virshBegin("migration out", on: id)
        #expect(await code { () async throws(HypervisorError) in try await host.change(id, MachineChange(description: "x")) } == .busy)
        try await host.abortOperation(id)
        try await host.change(id, MachineChange(description: "x"))
    }

    @Test func othersActBehindOurBackAndEventsTell() async throws {
        let id = MachineID.sample(9)
        var foreign = FakeDefinition(id: id, name: "foreign")
        foreign.hasAgentChannel = true
        try world.virshDefine(foreign)
        try world.virshStart(id)
        try world.virshManagedSave(id)
        #expect(try await host.machine(id)?.state == .saved)
        try world.virshStart(id)
        #expect(try await host.machine(id)?.stateReason == "restored")
        world.guestCrashes(id)
        #expect(try await host.machine(id)?.stateReason == "crashed")
        try world.virshUndefine(id)
        #expect(try await host.machine(id) == nil)
        await host.close()
        var seen: [HostEvent] = []
        for await event in host.events { seen.append(event) }
        #expect(!seen.isEmpty && seen.allSatisfy { $0 == .machine(id) })
    }
}
