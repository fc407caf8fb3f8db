import Hypervisor
import JSON
import JobQueue
import TestSupport
import Testing

@testable import VirtManager

/// Nothing that somebody stands on is deleted, and nothing that somebody else made is taken for ours.
@Suite struct VolumeSafetyTests {
    typealias Life = ManagerBench.Life

    private static func delete(_ life: Life, _ name: String) async throws -> Outcome<VolumeState> {
        try await life.manager.storage.deleteVolume(pool: "default", volume: name, host: nil, missingOK: false, .sample)
    }

    private static func path(_ name: String) -> String { "\(SampleWorld.pool)/\(name)" }

    /// A qcow2 image on top of another file.
    private static func overlay(on backing: String) -> [UInt8] {
        var image = QCOW2Builder()
        image.backingOffset = 512
        image.backingLength = UInt32(backing.utf8.count)
        image.backingName = backing
        return image.build()
    }

    private static func isThere(_ life: Life, _ name: String) -> Bool {
        life.bench.world.inventory().files.contains { $0.path == path(name) }
    }

    private static func hardware(disks: [String]) -> MachineHardware {
        MachineHardware(
            accelerator: .tcg, vcpus: 1, vcpusMax: 1, memoryBytes: 1 << 28, memoryMaxBytes: 1 << 28,
            disks: disks.enumerated().map { index, path in
                DiskObservation(target: "vd\(["a", "b", "c"][index % 3])", device: "disk", bus: "virtio", path: path, format: "qcow2")
            })
    }

    // MARK: Overlays made behind our back

    /// A file that `qemu-img` made comes without an event, and into the pool only by a refresh.
    @Test(arguments: ["base.qcow2", "\(SampleWorld.pool)/base.qcow2"])
    func anOverlayThatNobodyToldOfKeepsItsBase(_ backing: String) async throws {
        try await ManagerBench.with { life in
            try SampleWorld.images(life.bench.world)
            life.bench.world.placeFile(Self.path("snap.qcow2"), Self.overlay(on: backing))
            let end = try await life.end(try await Self.delete(life, "base.qcow2"))
            #expect(end.state == .failed && end.failure?.code == "volume.in_use", "\(end.failure?.detail ?? "")")
            #expect(end.failure?.detail.contains("snap.qcow2") == true)
            #expect(Self.isThere(life, "base.qcow2"))
            // Now that it has been seen, the request itself is refused.
            let refused = try await refusal { _ = try await Self.delete(life, "base.qcow2") }
            #expect(refused.code == "volume.in_use" && refused.details["children"] == ["snap.qcow2"])
        }
    }

    /// A listing that began before the overlay was there, and is answered after the job has listed, does not hide it.
    @Test func aListingBegunEarlierCannotHideAnOverlay() async throws {
        try await ManagerBench.with { life in
            let world = life.bench.world
            try SampleWorld.images(world)
            world.faults.hang(.volumes, moment: .after)
            async let listing = life.manager.storage.volumes(pool: "default", host: nil)
            await world.faults.hangingCall(.only(.volumes))
            world.placeFile(Self.path("snap.qcow2"), Self.overlay(on: "base.qcow2"))
            // The machines are listed last: then the overlay is known.
            world.faults.hang(.machines)
            let outcome = try await Self.delete(life, "base.qcow2")
            await world.faults.hangingCall(.only(.machines))
            world.faults.release(.only(.volumes))
            _ = try await listing
            world.faults.release(.only(.machines))
            let end = try await life.end(outcome)
            #expect(end.state == .failed && end.failure?.code == "volume.in_use", "\(end.state)")
            #expect(Self.isThere(life, "base.qcow2"))
        }
    }

    /// Nor does a look at the overlay by itself that began before it was there.
    @Test func aLookBegunEarlierCannotHideAnOverlay() async throws {
        try await ManagerBench.with { life in
            let world = life.bench.world
            try SampleWorld.images(world)
            world.faults.plan(.only(.volume), subject: "default/snap.qcow2", moment: .after, .hang)
            async let look = life.manager.hosts.require("h1").refresh(.sample("snap.qcow2"))
            await world.faults.hangingCall(.only(.volume))
            world.placeFile(Self.path("snap.qcow2"), Self.overlay(on: "base.qcow2"))
            world.faults.hang(.machines)
            let outcome = try await Self.delete(life, "base.qcow2")
            await world.faults.hangingCall(.only(.machines))
            world.faults.release(.only(.volume))
            #expect(try await look == nil)
            world.faults.release(.only(.machines))
            let end = try await life.end(outcome)
            #expect(end.state == .failed && end.failure?.code == "volume.in_use", "\(end.state)")
            #expect(Self.isThere(life, "base.qcow2"))
        }
    }

    @Test func anOverlayInAnotherPoolKeepsItsBase() async throws {
        let world = FakeWorld.standard()
        world.addPool("fast", path: "/srv/fast")
        try await ManagerBench.with([world]) { life in
            try SampleWorld.images(world)
            try world.placeVolume(VolumeReference(pool: "fast", volume: "top.qcow2"), Self.overlay(on: Self.path("base.qcow2")))
            let error = try await refusal {
                _ = try await life.end(try await Self.delete(life, "base.qcow2")).failure.map { throw ServiceError($0) }
            }
            #expect(error.code == "volume.in_use" && error.detail.contains("fast/top.qcow2"))
            #expect(Self.isThere(life, "base.qcow2"))
        }
    }

    // MARK: Machines

    /// What is attached for the next boot only is in use as much as what is open.
    @Test(arguments: ["data.qcow2", "R&D 'x'.qcow2"])
    func aDiskOfTheNextBootIsInUse(_ name: String) async throws {
        let world = FakeWorld.standard()
        try await SampleWorld.machine(world, .running)
        try world.virshCreateVolume(VolumeSpec(reference: .sample(name), format: "qcow2", capacityBytes: 1 << 30))
        let disks = ["web1-vda.qcow2", "web1-vdb.qcow2", name].map(Self.path)
        try await ManagerBench.with([world]) { life in
            // Attached between the request and the act, and no event tells of it.
            world.faults.hang(.refreshPool, call: 1)
            let outcome = try await Self.delete(life, name)
            await world.faults.hangingCall(.only(.refreshPool))
            world.losesEvents = true
            try world.virshDefine(FakeDefinition(id: .sample(1), name: "web1", hardware: Self.hardware(disks: disks)))
            world.losesEvents = false
            world.faults.release()
            let end = try await life.end(outcome)
            #expect(end.state == .failed && end.failure?.code == "volume.in_use", "\(end.state)")
            #expect(end.failure?.detail.contains("web1") == true)
            #expect(try life.machine("web1").disks.count == 2, "the live definition is what is shown")
            // Once it is known, the request is refused.
            let error = try await refusal { _ = try await Self.delete(life, name) }
            #expect(error.code == "volume.in_use" && error.details["used_by"] == ["web1"])
            #expect(Self.isThere(life, name))
        }
    }

    /// A machine whose definition cannot be read may use anything. The fake's can always be read, so the look is put in.
    @Test func aMachineThatCannotBeReadMayUseAnything() async throws {
        let world = FakeWorld.standard()
        try SampleWorld.images(world)
        try world.virshDefine(FakeDefinition(id: .sample(5), name: "odd"))
        try await ManagerBench.with([world]) { life in
            world.faults.hang(.machines)
            let outcome = try await Self.delete(life, "data.qcow2")
            await world.faults.hangingCall(.only(.machines))
            var odd = try life.machine("odd").observation
            odd.isUnreadable = true
            life.fleet.take(odd.id, odd, on: HostName("h1"), ticket: life.fleet.nextTicket())
            world.faults.release()
            let end = try await life.end(outcome)
            #expect(end.state == .failed && end.failure?.code == "volume.in_use", "\(end.state)")
            #expect(end.failure?.detail.contains("odd") == true)
            #expect(Self.isThere(life, "data.qcow2"))
            #expect(try await life.end(try await Self.delete(life, "data.qcow2")).state == .succeeded)
        }
    }

    // MARK: Formats

    /// A guest writes what it likes into its raw disk: a qcow2 header there must not open a file of the host to it.
    @Test(arguments: [true, false])
    func rawStaysRawWhateverAGuestWrites(_ isUploaded: Bool) async throws {
        try await ManagerBench.with { life in
            let world = life.bench.world
            let storage = life.manager.storage
            try SampleWorld.images(world)
            let made =
                isUploaded
                ? try await storage.upload(
                    pool: "default", volume: "disk.img", host: nil, UploadOptions(format: "raw"),
                    source: ListSource([[UInt8](repeating: 1, count: 1 << 16)]), .sample)
                : try await storage.createVolume(
                    pool: "default", host: nil, ["name": "disk.img", "size": "1MiB", "format": "raw"], .sample)
            #expect(try await life.end(made).state == .succeeded)
            try world.placeVolume(.sample("disk.img"), Self.overlay(on: Self.path("base.qcow2")))
            #expect(world.inventory().volumes.contains { $0.path == Self.path("disk.img") && $0.format == "qcow2" }, "the host believes it")

            let seen = try await storage.volume(pool: "default", volume: "disk.img", host: nil)
            #expect(seen.observation.format == "raw" && seen.backing == nil && seen.observation.backingPath == nil)
            let listed = try await storage.volumes(pool: "default", host: nil).first { $0.reference.volume == "disk.img" }
            #expect(listed?.observation.format == "raw" && listed?.backing == nil)

            let user = try await life.manager.machines.create(
                ["name": "user", "disks": [["volume": "disk.img", "read_only": true]]], .sample)
            #expect(try await life.end(user).state == .succeeded)
            let disk = try #require(try life.machine("user").observation.hardware.disks.first)
            #expect(disk.format == "raw" && disk.backingPaths.isEmpty)

            let copy = try await life.manager.machines.create(
                ["name": "copy", "disks": [["from": ["volume": "disk.img"], "mode": "linked"]]], .sample)
            let end = try await life.end(copy)
            #expect(end.state == .succeeded, "\(end.failure?.detail ?? "")")
            let top = try #require(try life.machine("copy").observation.hardware.disks.first)
            #expect(top.format == "qcow2" && top.backingPaths == [Self.path("disk.img")])
            let overlay = try await storage.volume(
                pool: "default", volume: try #require(try life.machine("copy").disks.first?.volume).volume, host: nil)
            #expect(overlay.observation.backingFormat == "raw")
        }
    }

    // MARK: Making

    /// The daemon dies before it made the volume, and somebody makes one of that name meanwhile.
    @Test(arguments: ["of another size", "with something in it"])
    func aVolumeMadeByOthersMeanwhileStays(_ how: String) async throws {
        let bench = try ManagerBench()
        let world = bench.world
        let site = FailPointSite(kind: "volume.create", step: "create", point: .afterIntent)
        let controller = CrashCellController(CrashCell(site: site, injury: .death))
        var life = try await bench.start { try await controller.pass($0, $1) }
        guard
            case .job(let job) = try await life.manager.storage.createVolume(
                pool: "default", host: nil, ["name": "new.img", "size": "4MiB", "format": "raw"], .sample)
        else {
            Issue.record("no job")
            return
        }
        #expect(try await life.settledOrDied(job) == nil)
        try await life.died()
        #expect(controller.hasFired && !world.inventory().volumeNames.contains("default/new.img"))
        let bytes = [UInt8](repeating: 7, count: how == "of another size" ? 3 << 20 : 4 << 20)
        try world.placeVolume(.sample("new.img"), bytes)
        life = try await bench.start()
        let end = try await life.end(job)
        #expect(end.state == .failed && end.failure?.code == "resource.foreign", "\(end.state) \(end.failure?.code ?? "")")
        #expect(world.bytes(of: Self.path("new.img"), count: 8 << 20) == bytes)
        // Nor is anything told of it that was meant for ours.
        #expect(try life.manager.storage.store.record(.sample("new.img"), on: HostName("h1")) == nil)
        try await until("nothing in hand") { try await life.isIdle() }
        try await life.stop()
    }
}
