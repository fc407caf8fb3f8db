import Hypervisor
import JSON
import JobQueue
import TestSupport
import Testing

@testable import VirtManager

/// What a patch of a disk may say, and what may become of its volume.
@Suite struct DiskPatchTests {
    private static func edit(_ world: FakeWorld, _ edits: [MachineEdit]) async throws {
        let host = FakeHost(world)
        _ = try await host.connect()
        try await host.edit(.sample(1), edits)
        world.detach(host)
    }

    @Test func nothingThatIsSaidIsPassedOver() async throws {
        try await DeviceBench.with(
            .stopped,
            prepare: { world in
                try await DeviceBench.addDrive(world)
                world.placeFile("/mnt/plain.raw", [UInt8](repeating: 1, count: 4096))
                try await Self.edit(
                    world, [.addDisk(DiskSpec(target: "vdc", source: .init(path: "/mnt/plain.raw", format: "raw")))])
            }
        ) { life in
            for name in ["size", "capacity_bytes"] {
                let outside = try await refusal { _ = try await life.change("vdc", .object(JSONObject([(name, .string("1GiB"))]))) }
                #expect(outside.code == "disk.no_volume" && outside.detail.contains("/mnt/plain.raw"))
            }
            let drive = try await refusal { _ = try await life.change("sda", ["size": "1GiB"]) }
            #expect(drive.problems.map(\.pointer) == ["/size"])
            let nothing = try await refusal { _ = try await life.change("vda", ["size": .null, "capacity_bytes": .null, "pool": .null]) }
            #expect(nothing.problems.map(\.pointer) == ["/size", "/capacity_bytes", "/pool"])
        }
    }

    @Test func whatWaitsGoesOnWaitingWhenTheDiskIsSentBack() async throws {
        try await DeviceBench.with { life in
            #expect(try await life.change("vda", ["cache": "none", "serial": "S9"]).result?["applied"] == "next_boot")
            let machine = try life.machine("web1")
            var shown = try JSONReader.parse(JSONWriter.encode(try life.devices.disk("vda", of: machine)))
            #expect(shown["pending"] == "change" && shown["serial"] == .null)
            guard case .unchanged = try await life.devices.updateDisk(machine, "vda", shown, .sample) else {
                Issue.record("changed by \(shown.text)")
                return
            }
            shown = shown.with(["boot_order": 7])
            #expect(try await life.change("vda", shown).state == .succeeded)
            let now = try #require(try await life.seen().defined.disk("vda"))
            #expect(now.cache == "none" && now.serial == "S9" && now.bootOrder == 7)
            // Said by itself it is meant.
            #expect(try await life.change("vda", ["serial": .null]).state == .succeeded)
            #expect(try await life.seen().defined.disk("vda")?.serial == nil)
        }
    }

    @Test func aVolumeThatItsOwnMachineUsesOtherwiseIsNotDeleted() async throws {
        try await DeviceBench.with(prepare: { try await DeviceBench.addDrive($0) }) { life in
            #expect(try await life.change("sda", ["media": ["volume": "installer.iso"]]).state == .succeeded)
            #expect(try await life.attach(["volume": "installer.iso", "read_only": true]).state == .succeeded)
            let before = WorldPicture(life.bench.world)
            let error = try await refusal { _ = try await life.detach("vdc", volume: "delete") }
            #expect(error.code == "volume.in_use" && error.detail.contains("'sda'"))
            #expect(WorldPicture(life.bench.world) == before)
            #expect(try await life.detach("vdc").state == .succeeded)
        }
    }

    /// The medium comes into the drive while the job stands in line.
    @Test func theJobLooksAtItsOwnMachineToo() async throws {
        try await DeviceBench.with(.stopped, prepare: { try await DeviceBench.addDrive($0) }) { life in
            #expect(try await life.attach(["volume": "installer.iso", "read_only": true]).state == .succeeded)
            life.bench.world.faults.hang(.edit)
            let first = try await life.devices.updateDisk(
                life.machine("web1"), "sda", ["media": ["volume": "installer.iso"]], .sample)
            await life.bench.world.faults.hangingCall(.only(.edit))
            let second = try await life.devices.detachDisk(life.machine("web1"), "vdc", volume: "delete", missingOK: false, .sample)
            life.bench.world.faults.release()
            #expect(try await life.end(first).state == .succeeded)
            let end = try await life.end(second)
            #expect(end.state == .failed && end.failure?.code == "volume.in_use", "\(end.failure?.detail ?? "")")
            #expect(life.bench.world.inventory().volumeNames.contains("default/installer.iso"))
        }
    }

    /// A volume that is only attached may be anybody's base: other pools are looked at too.
    @Test func anOverlayInAnotherPoolKeepsItsBase() async throws {
        let makesOverlay: @Sendable (FakeWorld) -> Void = { world in
            try? world.virshCreateVolume(
                VolumeSpec(
                    reference: VolumeReference(pool: "fast", volume: "overlay.qcow2"), format: "qcow2", capacityBytes: nil,
                    backing: .init(path: "\(SampleWorld.pool)/data.qcow2", format: "qcow2")))
        }
        for wholeMachine in [false, true] {
            try await DeviceBench.with(.stopped) { life in
                #expect(try await life.attach(["volume": "data.qcow2"]).state == .succeeded)
                life.bench.world.faults.run(at: .refreshPool, makesOverlay)
                let end =
                    wholeMachine
                    ? try await life.end(
                        try await life.manager.machines.delete("web1", host: nil, disks: "all", missingOK: false, .sample))
                    : try await life.detach("vdc", volume: "delete")
                #expect(end.state == .failed && end.failure?.code == "volume.in_use", "\(end.failure?.detail ?? "")")
                #expect(life.bench.world.inventory().volumeNames.contains("default/data.qcow2"))
                #expect(life.bench.world.inventory().machineNames == ["web1"])
            }
        }
    }
}
