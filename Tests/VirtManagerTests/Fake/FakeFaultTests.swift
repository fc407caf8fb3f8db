import Hypervisor
import TestSupport
import Testing

@Suite("Fake host: faults")
struct FakeFaultTests {
    let world = FakeWorld.standard()
    let host: FakeHost
    let spec = VolumeSpec(reference: .sample("a.qcow2"), format: "qcow2", capacityBytes: 1 << 30)

    init() async throws {
        host = FakeHost(world)
        _ = try await host.connect()
    }

    func failure(_ body: () async throws(HypervisorError) -> Void) async -> HypervisorError.Code? {
        do throws(HypervisorError) {
            try await body()
            return nil
        } catch {
            return error.code
        }
    }

    func create() async -> HypervisorError.Code? {
        await failure { () async throws(HypervisorError) in try await host.createVolume(spec) }
    }

    @Test func theNthCallFailsBeforeItActs() async throws {
        let before = world.inventory()
        world.faults.fail(.createVolume, call: 2, with: .noSpace)
        #expect(await create() == nil)
        try await host.deleteVolume(spec.reference)
        #expect(world.faults.unfired.count == 1)
        #expect(await create() == .noSpace)
        #expect(world.faults.unfired.isEmpty)
        #expect(world.inventory() == before)
        #expect(await create() == nil)
        #expect(world.faults.count(.createVolume) == 3)
        #expect(world.faults.log.last == FakeCall(connection: 1, method: .createVolume, subject: "default/a.qcow2"))
    }

    @Test func aCallThatActedFailsAllTheSame() async throws {
        world.faults.failAfter(.createVolume)
        #expect(await create() == .connectionLost)
        #expect(world.inventory().volumeNames == ["default/a.qcow2"])
        #expect(await create() == .alreadyExists, "the connection itself still stands")
    }

    @Test func aHangingCallGoesOnWhenItIsReleased() async throws {
        world.faults.hang(.createVolume)
        async let answer = create()
        #expect(await world.faults.hangingCall().method == .createVolume)
        #expect(world.inventory().volumes.isEmpty)
        world.faults.release()
        #expect(await answer == nil)
        #expect(world.inventory().volumes.count == 1)
    }

    @Test(arguments: [FakeFault.Moment.before, .after])
    func aCancelledCallEndsAsItTrulyEnded(_ moment: FakeFault.Moment) async throws {
        world.faults.hang(.createVolume, moment: moment)
        let task = Task { await create() }
        await world.faults.hangingCall(.only(.createVolume))
        task.cancel()
        #expect(await task.value == (moment == .before ? .cancelled : nil))
        #expect(world.inventory().volumes.count == (moment == .before ? 0 : 1))
        world.faults.hang(.deleteVolume)
        let early = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return await failure { () async throws(HypervisorError) in try await host.deleteVolume(spec.reference) }
        }
        #expect(await early.value == .cancelled)
        #expect(world.faults.hangingCalls.isEmpty)
    }

    @Test(arguments: [FakeFault.Moment.before, .after])
    func aBrokenConnectionIsOpenedAgain(_ moment: FakeFault.Moment) async throws {
        world.faults.loseConnection(.createVolume, moment: moment)
        #expect(await create() == .connectionLost)
        #expect(world.inventory().volumes.count == (moment == .before ? 0 : 1))
        #expect(await failure { () async throws(HypervisorError) in _ = try await host.ping() } == .connectionLost)
        #expect(world.faults.count(.ping) == 0, "a call without a connection does not reach the host")
        _ = try await host.connect()
        _ = try await host.ping()
    }

    @Test func libvirtStopsAndComesBack() async throws {
        try await host.define(.sample(1, name: "a"))
        try await host.start(.sample(1))
        world.stopLibvirt()
        #expect(await failure { () async throws(HypervisorError) in _ = try await host.connect() } == .connectionLost)
        world.tick(3)
        world.startLibvirt()
        _ = try await host.connect()
        #expect(try await host.machine(.sample(1))?.state == .running)
        await host.close()
        var seen: [HostEvent] = []
        for await event in host.events { seen.append(event) }
        #expect(seen.last == .disconnected("End of file while reading data: Input/output error"))
        #expect(await failure { () async throws(HypervisorError) in _ = try await host.connect() } == .connectionLost)
    }

    @Test func aDeadDaemonChangesNothingAndItsSuccessorSeesTheWorld() async throws {
        try await host.createVolume(spec)
        let upload = try await host.openUpload(spec.reference, offset: 0, length: nil)
        world.faults.hang(.define)
        let pending = Task { await failure { () async throws(HypervisorError) in try await host.define(.sample(1, name: "a")) } }
        await world.faults.hangingCall()
        let before = world.inventory().volumes
        world.detach(host)
        #expect(await pending.value == .connectionLost)
        #expect(await failure { () async throws(HypervisorError) in try await upload.write([1]) } == .connectionLost)
        #expect(await failure { () async throws(HypervisorError) in try await host.deleteVolume(spec.reference) } == .connectionLost)
        #expect(await failure { () async throws(HypervisorError) in _ = try await host.connect() } == .connectionLost)
        for await _ in host.events {}
        #expect(world.inventory().volumes == before)
        #expect(world.inventory().machines.isEmpty)
        let next = FakeHost(world)
        _ = try await next.connect()
        try await next.deleteVolume(spec.reference)
        #expect(world.faults.log.last?.connection == 2)
    }

    @Test func everyCrashPointOfASequenceCanBeWalked() async throws {
        var left: [Set<String>] = []
        for call in 1...4 {
            for moment in [FakeFault.Moment.before, .after] {
                let world = FakeWorld.standard()
                let before = world.inventory()
                world.faults.die(.changing, call: call, moment: moment)
                let host = FakeHost(world)
                _ = await failure { () async throws(HypervisorError) in
                    _ = try await host.connect()
                    try await host.createVolume(spec)
                    _ = try await host.volume(spec.reference)
                    try await host.define(.sample(1, name: "a", disks: ["/var/lib/libvirt/images/a.qcow2"]))
                    try await host.start(.sample(1))
                }
                let after = world.inventory()
                left.append(Set(after.orphans(since: before).map { _ in "orphan" } + after.machines.map { "\($0.state)" }))
            }
        }
        #expect(left == [[], ["orphan"], ["orphan"], ["stopped"], ["stopped"], ["running"], ["running"], ["running"]])
    }

    @Test func somebodyElseActsInBetween() async throws {
        let id = MachineID.sample(1)
        try await host.define(.sample(1, name: "a"))
        world.faults.run(at: .start) { try? $0.virshStart(id) }
        #expect(await failure { () async throws(HypervisorError) in try await host.start(id) } == .invalidState)
        world.faults.run(at: .destroy, moment: .after) { try? $0.virshUndefine(id) }
        try await host.destroy(id)
        #expect(world.inventory().machines.isEmpty)
        // A call whose connection breaks on the way to the act does not act.
        world.faults.run(at: .createVolume) { $0.dropConnections() }
        #expect(await create() == .connectionLost)
        #expect(world.inventory().volumes.isEmpty)
        _ = try await host.connect()
        // A daemon that dies on the way to the act does not act either.
        let daemon = host
        world.faults.run(at: .define) { $0.detach(daemon) }
        #expect(
            await failure { () async throws(HypervisorError) in try await host.define(.sample(2, name: "b")) } == .connectionLost)
        #expect(world.inventory().machines.isEmpty)
    }

    @Test func eventsCanBeLostAndMadeUp() async throws {
        world.losesEvents = true
        try await host.define(.sample(1, name: "a"))
        world.losesEvents = false
        world.raise(.resync)
        await host.close()
        var seen: [HostEvent] = []
        for await event in host.events { seen.append(event) }
        #expect(seen == [.resync])
    }

    @Test func anInventoryTellsBytesApart() async throws {
        try await host.createVolume(spec)
        let before = world.inventory()
        let upload = try await host.openUpload(spec.reference, offset: 100_000, length: nil)
        try await upload.write([1])
        #expect(world.inventory().openTransfers == 1)
        try await upload.finish()
        #expect(world.inventory() != before)
        #expect(world.inventory().volumes == before.volumes)
        #expect(world.inventory().description.contains("volume default/a.qcow2 qcow2 1073741824 on -"))
    }
}
