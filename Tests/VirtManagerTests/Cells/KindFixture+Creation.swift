import Hypervisor
import JSON
import JobQueue
import TestSupport

@testable import VirtManager

/// Machines with all that a creation can make.
extension KindFixture {
    static var wholeMachines: [KindFixture] {
        [
            KindFixture("vm.create whole", kind: "vm.create", prepare: { try MachineHardwareTests.prepare($0) }) { life in
                try await life.manager.machines.create(MachineHardwareTests.everything, .sample)
            },
            KindFixture(
                "vm.delete whole", kind: "vm.delete",
                prepare: { world in
                    try await SampleWorld.machine(world, .running)
                    try await SampleWorld.keepAddress(world, for: "52:54:00:00:00:01")
                }
            ) { life in
                try await life.manager.machines.delete("web1", host: nil, disks: "owned", missingOK: true, .sample)
            },
        ]
    }
}

extension SampleWorld {
    /// As the making of a machine leaves it.
    static func keepAddress(_ world: FakeWorld, for mac: String) async throws {
        let host = FakeHost(world)
        _ = try await host.connect()
        try await host.reserve(DHCPReservation(mac: mac, address: "192.168.122.50"), on: "default")
        world.detach(host)
    }
}
