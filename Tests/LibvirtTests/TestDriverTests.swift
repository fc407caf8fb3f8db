import CLibvirt
import Hypervisor
import Testing

@testable import Libvirt

/// The adapter on libvirt's test driver, which runs inside this process.
@Suite struct TestDriverTests {
    @Test func factsNameTheDriver() async throws {
        try await PrivateWorld.with { host in
            let facts = try await host.connect()
            #expect(facts.driver == "TEST")
            #expect(facts.cpus > 0)
            #expect(facts.memoryBytes > 0)
            #expect(facts.offeredAccelerators == [.native])
            #expect(facts.libvirtVersion.split(separator: ".").count == 3)
        }
    }

    @Test func listsMachinesWithStateAndHardware() async throws {
        try await PrivateWorld.with { host in
            let machines = try await host.machines().sorted { $0.name < $1.name }
            #expect(machines.map(\.name) == ["idler", "runner"])
            let runner = try #require(machines.last)
            #expect(runner.state == .running)
            #expect(runner.hardware.vcpus == 2)
            #expect(runner.hardware.vcpusMax == 4)
            #expect(runner.hardware.memoryBytes == 2 << 30)
            #expect(runner.hardware.memoryMaxBytes == 8 << 30)
            let idler = try #require(machines.first)
            #expect(idler.state == .stopped)
            #expect(idler.description == "off & still")
            #expect(idler.metadata == nil)
            #expect(try await host.machine(PrivateWorld.running) == runner)
            #expect(try await host.machine(Specs.id) == nil)
        }
    }

    @Test func powerCycle() async throws {
        try await PrivateWorld.with { host in
            let id = PrivateWorld.stopped
            try await host.start(id)
            #expect(try await host.machine(id)?.state == .running)
            try await host.suspend(id)
            #expect(try await host.machine(id)?.state == .paused)
            #expect(try await host.machine(id)?.stateReason == "user")
            try await host.resume(id)
            try await host.requestShutdown(id)
            #expect(try await host.machine(id)?.state == .stopped)
            try await host.start(id)
            try await host.destroy(id)
            #expect(try await host.machine(id)?.stateReason == "destroyed")
            let again = await failure { try await host.destroy(id) }
            #expect(again?.code == .invalidState)
        }
    }

    @Test func definesAndUndefines() async throws {
        try await PrivateWorld.with { host in
            var spec = Specs.full()
            spec.accelerator = .native
            spec.machineType = nil
            try await host.define(spec)
            let seen = try #require(try await host.machine(spec.id))
            #expect(seen.metadata == spec.metadata)
            #expect(seen.description == spec.description)
            #expect(seen.isPersistent)
            #expect(seen.hardware.disks.map(\.path) == spec.disks.map { $0.source?.path })
            #expect(seen.hardware.disks.first?.backingPaths == ["/pool/base.qcow2", "/dev/vg/root"])
            #expect(seen.hardware.nics.map(\.mac) == ["52:54:00:aa:bb:cc"])
            #expect(seen.hardware.boot == spec.boot)
            try await host.undefine(spec.id)
            #expect(try await host.machine(spec.id) == nil)
            let again = await failure { try await host.undefine(spec.id) }
            #expect(again?.code == .machineNotFound)
        }
    }

    @Test func changesMetadataInPlace() async throws {
        try await PrivateWorld.with { host in
            for id in [PrivateWorld.running, PrivateWorld.stopped] {
                var metadata = Specs.metadata()
                metadata.labels["quote"] = "<'&\">\n\té 🦆"
                try await host.change(id, MachineChange(description: "new & better", metadata: metadata, autostart: true))
                let seen = try #require(try await host.machine(id))
                #expect(seen.description == "new & better")
                #expect(seen.metadata == metadata)
                #expect(seen.autostart)
                try await host.change(id, MachineChange(description: "", autostart: false))
                let after = try #require(try await host.machine(id))
                #expect(after.description == "")
                #expect(after.metadata == metadata)
                #expect(!after.autostart)
            }
        }
    }

    /// libvirt takes metadata of others so deep that no parser reads the whole definition any more.
    @Test func anUnreadableMachineHidesNoOther() async throws {
        try await PrivateWorld.with { host in
            let deep = String(repeating: "<a>", count: 256) + String(repeating: "</a>", count: 256)
            try await host.change("virDomainSetMetadata") { connection in
                try connection.domain(PrivateWorld.running).status("virDomainSetMetadata") {
                    virDomainSetMetadata(
                        $0, Int32(VIR_DOMAIN_METADATA_ELEMENT.rawValue), deep, "x", "urn:x", VIR_DOMAIN_AFFECT_LIVE.rawValue)
                }
            }
            let machines = try await host.machines().sorted { $0.name < $1.name }
            #expect(machines.map(\.name) == ["idler", "runner"])
            #expect(machines.last?.id == PrivateWorld.running)
            #expect(machines.last?.state == .running)
            #expect(try await host.machine(PrivateWorld.running) == machines.last)
        }
    }

    @Test func editsDefinitionsInPlace() async throws {
        try await PrivateWorld.with { host in
            for id in [PrivateWorld.stopped, PrivateWorld.running] {
                let nic = NICSpec(mac: "52:54:00:00:00:01", network: "default", model: "virtio", isLinkUp: false)
                let disk = DiskSpec(target: "vdx", source: .init(path: "/store/x", format: "raw"), serial: "x")
                try await host.edit(id, [.addDisk(disk), .addNIC(nic), .setVCPUsMax(7), .setVCPUs(6)])
                let machine = try #require(try await host.machine(id))
                let hardware = machine.nextBoot ?? machine.hardware
                #expect(hardware.disks.last?.serial == "x")
                #expect(hardware.nics.last?.isLinkUp == false)
                #expect((hardware.vcpus, hardware.vcpusMax) == (6, 7))
                #expect((machine.nextBoot == nil) == (id == PrivateWorld.stopped))
                #expect(await failure { try await host.edit(id, [.addNIC(nic)]) }?.code == .invalidArgument)
            }
            #expect(await failure { try await host.edit(Specs.id, [.setVCPUs(1)]) }?.code == .machineNotFound)
            #expect(await failure { try await host.editLive(Specs.id, .setVCPUs(1)) }?.code == .machineNotFound)
            #expect(await failure { try await host.editLive(PrivateWorld.stopped, .setVCPUs(1)) }?.code == .invalidState)
            let live = MachineEdit.addDisk(DiskSpec(target: "vdy", source: .init(path: "/store/y", format: "raw")))
            #expect(await failure { try await host.editLive(PrivateWorld.running, live) }?.code == .unsupported)
            try await host.editLive(PrivateWorld.running, .setVCPUs(3))
            try await host.editLive(PrivateWorld.running, .setMemory(1 << 30))
            let runner = try #require(try await host.machine(PrivateWorld.running))
            #expect((runner.hardware.vcpus, runner.hardware.memoryBytes) == (3, 1 << 30))
            try await host.rename(PrivateWorld.stopped, to: "renamed")
            #expect(try await host.machine(PrivateWorld.stopped)?.name == "renamed")
            #expect(await failure { try await host.rename(PrivateWorld.running, to: "x") }?.code == .invalidState)
        }
    }

    @Test func startMarkLivesAsLongAsTheRun() async throws {
        try await PrivateWorld.with { host in
            let id = PrivateWorld.running
            try await host.change(id, MachineChange(metadata: Specs.metadata()))
            try await host.markStarted(id, atMilliseconds: 1_700_000_000_456)
            #expect(try await host.machine(id)?.startedAtMilliseconds == 1_700_000_000_456)
            #expect(try await host.machine(id)?.metadata == Specs.metadata())
            try await host.destroy(id)
            #expect(try await host.machine(id)?.startedAtMilliseconds == nil)
            #expect(try await host.machine(id)?.metadata == Specs.metadata())
            let stopped = await failure { try await host.markStarted(id, atMilliseconds: 1) }
            #expect(stopped?.code == .invalidState)
        }
    }

    @Test func eventsArrive() async throws {
        try await PrivateWorld.with { host in
            try await host.start(PrivateWorld.stopped)
            #expect(await event(from: host) { $0 == .machine(PrivateWorld.stopped) } != nil)
            try await host.define(Specs.plain(accelerator: .native))
            #expect(await event(from: host) { $0 == .machine(Specs.id) } != nil)
            try await host.undefine(Specs.id)
            #expect(await event(from: host) { $0 == .machine(Specs.id) } != nil)
            try await host.refreshPool("store")
            #expect(await event(from: host) { $0 == .pool("store") } != nil)
        }
    }

    @Test func poolsAndVolumes() async throws {
        try await PrivateWorld.with { host in
            let pools = try await host.pools()
            #expect(pools.map(\.name) == ["store"])
            #expect(pools.first?.type == "dir")
            #expect(pools.first?.path == "/store")
            #expect(pools.first?.isActive == true)
            let reference = VolumeReference(pool: "store", volume: "a <&'\"> b.qcow2")
            #expect(try await host.volume(reference) == nil)
            try await host.createVolume(VolumeSpec(reference: reference, format: "qcow2", capacityBytes: 1 << 20))
            let volume = try #require(try await host.volume(reference))
            #expect(volume.capacityBytes == 1 << 20)
            #expect(volume.format == "qcow2")
            #expect(try await host.volumes(in: "store") == [volume])
            let twice = await failure {
                try await host.createVolume(VolumeSpec(reference: reference, format: "raw", capacityBytes: 1))
            }
            #expect(twice?.code == .alreadyExists)
            try await host.deleteVolume(reference)
            #expect(try await host.volumes(in: "store").isEmpty)
            let gone = await failure { try await host.deleteVolume(reference) }
            #expect(gone?.code == .volumeNotFound)
            let noPool = await failure { _ = try await host.volume(VolumeReference(pool: "none", volume: "x")) }
            #expect(noPool?.code == .poolNotFound)
            let zero = await failure { _ = try await host.volumes(in: "store\u{0}x") }
            #expect(zero?.code == .invalidArgument)
        }
    }

    @Test func networks() async throws {
        try await PrivateWorld.with { host in
            let networks = try await host.networks()
            #expect(
                networks == [
                    NetworkObservation(
                        name: "default", uuid: "11111111-0000-4000-8000-0000000000aa", mode: "nat", bridge: "virbr7",
                        cidr: "192.168.122.1/24",
                        dhcp: DHCPRange(start: "192.168.122.128", end: "192.168.122.253"), isActive: true, autostart: false)
                ])
            let unknown = await failure { _ = try await host.leases("none") }
            #expect(unknown?.code == .networkNotFound || unknown?.code == .unsupported)
        }
    }

    @Test func whatTheDriverLacksIsUnsupported() async throws {
        try await PrivateWorld.with { host in
            let ping = await failure { try await host.pingAgent(PrivateWorld.running) }
            #expect(ping?.code == .unsupported)
            let probe = await failure { _ = try await host.bootProbe(.native, name: "gantry-work-p", limit: .seconds(1)) }
            #expect(probe?.code == .unsupported)
            let paused = await failure { try await host.start(PrivateWorld.stopped, paused: true) }
            #expect(paused?.code == .unsupported)
            let abort = await failure { try await host.abortOperation(PrivateWorld.running) }
            #expect(abort != nil)
        }
    }

    @Test func controlCharactersAreRefused() async throws {
        try await PrivateWorld.with { host in
            var spec = Specs.plain(accelerator: .native)
            spec.description = "bell\u{7}"
            let refused = await failure { try await host.define(spec) }
            #expect(refused?.code == .invalidArgument)
            let change = await failure { try await host.change(PrivateWorld.running, MachineChange(description: "zero\u{0}end")) }
            #expect(change?.code == .invalidArgument)
        }
    }

    @Test func callsBeforeConnectAndAfterCloseFail() async throws {
        let host = LibvirtConnection(name: HostName("x"), uri: "test:///default")
        #expect(await failure { _ = try await host.machines() }?.code == .connectionLost)
        _ = try await host.connect()
        _ = try await host.ping()
        await host.close()
        #expect(await failure { _ = try await host.machines() }?.code == .connectionLost)
        #expect(await failure { try await host.start(PrivateWorld.stopped) }?.code == .connectionLost)
        #expect(await failure { _ = try await host.connect() }?.code == .connectionLost)
        var seen = 0
        for await _ in host.events { seen += 1 }
        #expect(seen == 0)
    }

    @Test func unreachableHostIsLost() async throws {
        let nowhere = LibvirtConnection(name: HostName("n"), uri: "qemu+unix:///system?socket=/nonexistent/socket")
        #expect(await failure { _ = try await nowhere.connect() }?.code == .connectionLost)
    }

    @Test(.timeLimit(.minutes(1))) func thousandMachinesAreListed() async throws {
        try await PrivateWorld.with(extraDomains: 1000) { host in
            let count = try await host.machines().count
            #expect(count == 1002)
        }
    }
}
