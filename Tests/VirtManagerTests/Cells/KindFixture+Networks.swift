import Hypervisor
import JSON
import TestSupport

@testable import VirtManager

extension KindFixture {
    static let networkBody: JSONValue = [
        "name": "lab", "mode": "nat", "cidr": "192.168.50.1/24", "dhcp": ["start": "192.168.50.10", "end": "192.168.50.99"],
    ]

    /// A network made by `virsh`, running and started with its host.
    private static func lab(_ world: FakeWorld) {
        world.addNetwork(
            NetworkObservation(
                name: "lab", uuid: "6d1f0d2c-7a34-4c7e-9d55-0c2f6a1b3d4e", mode: "nat", bridge: "virbr7", cidr: "192.168.50.1/24",
                dhcp: DHCPRange(start: "192.168.50.10", end: "192.168.50.99"), isActive: true, autostart: true))
    }

    static var networks: [KindFixture] {
        [
            KindFixture("network.create", prepare: { _ in }) { life in try await life.manager.networks.create(networkBody, .sample) },
            KindFixture("network.update", prepare: { lab($0) }) { life in
                try await life.manager.networks.update(
                    life.manager.networks.get("lab", host: nil), patch: ["cidr": "192.168.60.1/24", "autostart": false], .sample)
            },
            KindFixture("network.update stop", kind: "network.update", prepare: { lab($0) }) { life in
                try await life.manager.networks.update(
                    life.manager.networks.get("lab", host: nil), patch: ["active": false, "dhcp": .null], .sample)
            },
            KindFixture("network.delete", prepare: { lab($0) }) { life in
                try await life.manager.networks.delete("lab", host: nil, missingOK: true, .sample)
            },
        ]
    }
}
