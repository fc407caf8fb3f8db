import Hypervisor
import JSON
import JobQueue
import TestSupport
import Testing

@testable import VirtManager

/// A life with `web1`, which has two disks and a card, and what edits of it need.
enum DeviceBench {
    static func with(
        _ state: RunState = .running, isolation: isolated (any Actor)? = #isolation, prepare: (FakeWorld) async throws -> Void = { _ in },
        _ body: (ManagerBench.Life) async throws -> Void
    ) async throws {
        let world = FakeWorld.standard()
        try await SampleWorld.editable(world, state)
        try await prepare(world)
        try await ManagerBench.with([world], body)
    }

    /// A definition of the sample machine with a drive and an adjustable size.
    static func addDrive(_ world: FakeWorld, ceiling: Int = 4) async throws {
        let host = FakeHost(world)
        _ = try await host.connect()
        let isActive = try await host.machine(.sample(1))?.state.isActive == true
        if isActive { try await host.destroy(.sample(1)) }
        try await host.edit(
            .sample(1),
            [
                .addDisk(DiskSpec(target: "sda", device: .cdrom, bus: .sata, source: nil)), .setVCPUsMax(ceiling), .setMemoryMax(1 << 30),
            ])
        if isActive { try await host.start(.sample(1)) }
        world.detach(host)
    }
}

extension ManagerBench.Life {
    var devices: DeviceService { manager.devices }

    /// What the host has of the machine, past the inventory.
    func seen() async throws -> MachineObservation { try #require(try await hosts[0].machine(.sample(1))) }

    func attach(_ body: JSONValue) async throws -> Job { try await end(try await devices.attachDisk(machine("web1"), body, .sample)) }

    func change(_ target: String, _ patch: JSONValue) async throws -> Job {
        try await end(try await devices.updateDisk(machine("web1"), target, patch, .sample))
    }

    func detach(_ target: String, volume: String = "keep") async throws -> Job {
        try await end(try await devices.detachDisk(machine("web1"), target, volume: volume, missingOK: false, .sample))
    }

    func update(_ patch: JSONValue) async throws -> Job {
        try await end(try await manager.machines.update(machine("web1"), patch: patch, .sample))
    }
}
