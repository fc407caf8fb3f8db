import Hypervisor
import JSON
import TestSupport

@testable import VirtManager

extension KindFixture {
    static let poolPath = "/var/lib/libvirt/fast"

    /// A pool made by `virsh`, running, with nothing in it.
    private static func fast(_ world: FakeWorld) { world.addPool("fast", path: poolPath) }

    static var pools: [KindFixture] {
        [
            KindFixture("pool.create", prepare: { _ in }) { life in
                try await life.manager.storage.createPool(["name": "fast", "type": "dir", "path": .string(poolPath)], .sample)
            },
            KindFixture("pool.update", prepare: { fast($0) }) { life in
                try await life.manager.storage.updatePool(
                    life.manager.storage.pool("fast", host: nil), patch: ["active": false, "autostart": false], .sample)
            },
            KindFixture("pool.delete", prepare: { fast($0) }) { life in
                try await life.manager.storage.deletePool("fast", host: nil, missingOK: true, .sample)
            },
            KindFixture("pool.refresh", prepare: { fast($0) }) { life in
                try await life.manager.storage.refreshPool("fast", host: nil, .sample)
            },
        ]
    }
}
