import Hypervisor
import JSON
import JobQueue
import TestSupport

@testable import VirtManager

extension SampleWorld {
    static let mac = "52:54:00:aa:bb:cc"

    /// `web1` and what edits of it need: images, a second pool, a second network, a medium.
    static func editable(_ world: FakeWorld, _ state: RunState) async throws {
        try images(world)
        try await machine(world, state)
        world.addPool("fast", path: "/srv/fast")
        world.addNetwork(
            NetworkObservation(
                name: "lab", mode: "isolated", bridge: "virbr7", cidr: "192.168.150.1/24",
                dhcp: DHCPRange(start: "192.168.150.2", end: "192.168.150.254"), isActive: true, autostart: true))
        let host = FakeHost(world)
        _ = try await host.connect()
        try await host.reserve(DHCPReservation(mac: firstMAC, address: "192.168.122.50"), on: "default")
        world.detach(host)
        try world.placeVolume(.sample("installer.iso"), Array("a medium".utf8))
    }

    /// The MAC of the card that `machine` has.
    static let firstMAC = "52:54:00:00:00:01"
}

extension KindFixture {
    static var devices: [KindFixture] { nics + disks + hardware }

    private static func edit(
        _ name: String, kind: String, _ state: RunState, _ call: @escaping @Sendable (Life) async throws -> Outcome<MachineView>
    ) -> KindFixture {
        var fixture = KindFixture(name, kind: kind, prepare: { try await SampleWorld.editable($0, state) }, call: call)
        fixture.idleSteps = state == .stopped ? ["unplug", "set", "change-medium"] : ["end-helper"]
        return fixture
    }

    private static var nics: [KindFixture] {
        [RunState.running, .stopped].flatMap { state in
            [
                attachNIC(state),
                edit("nic.update \(state)", kind: "nic.update", state) { life in
                    try await life.manager.devices.updateNIC(
                        life.machine("web1"), SampleWorld.firstMAC, ["network": "lab", "link": "down", "ip": "192.168.150.51"], .sample)
                },
                edit("nic.detach \(state)", kind: "nic.detach", state) { life in
                    try await life.manager.devices.detachNIC(life.machine("web1"), SampleWorld.firstMAC, missingOK: true, .sample)
                },
            ]
        }
    }

    /// Asked for again it is refused, as the card has its MAC.
    private static func attachNIC(_ state: RunState) -> KindFixture {
        var fixture = edit("nic.attach \(state)", kind: "nic.attach", state) { life in
            try await life.manager.devices.attachNIC(
                life.machine("web1"), ["network": "lab", "mac": .string(SampleWorld.mac), "ip": "192.168.150.50"], .sample)
        }
        let again = fixture.again
        fixture.again = { life in
            let second = try await again(life)
            return second == .refused("body.invalid") ? .nothingToDo : second
        }
        return fixture
    }

    private static var disks: [KindFixture] {
        [RunState.running, .stopped].flatMap { state in
            [
                attach(state),
                edit("disk.detach \(state)", kind: "disk.detach", state) { life in
                    try await life.manager.devices.detachDisk(life.machine("web1"), "vdb", volume: "delete", missingOK: true, .sample)
                },
                edit("disk.update \(state)", kind: "disk.update", state) { life in
                    try await life.manager.devices.updateDisk(
                        life.machine("web1"), "vdb", ["size": "3GiB", "serial": "S1", "boot_order": 2, "cache": "none"], .sample)
                },
                edit("disk.move \(state)", kind: "disk.move", state) { life in
                    try await life.manager.devices.updateDisk(life.machine("web1"), "vdb", ["pool": "fast"], .sample)
                },
            ]
        }
    }

    /// Asked for again it is another disk: what came of the first is enough.
    private static func attach(_ state: RunState) -> KindFixture {
        var fixture = edit("disk.attach \(state)", kind: "disk.attach", state) { life in
            try await life.manager.devices.attachDisk(
                life.machine("web1"), ["from": ["volume": "base.qcow2"], "mode": "linked", "serial": "S2", "boot_order": 3], .sample)
        }
        fixture.again = { _ in .nothingToDo }
        return fixture
    }

    private static func hardware(_ state: RunState, _ patch: JSONValue) -> KindFixture {
        var fixture = edit("vm.update \(state)", kind: "vm.update", state) { life in
            try await life.manager.machines.update(life.anyMachine(), patch: patch, .sample)
        }
        // More processors than the running machine has sockets for wait for its next boot.
        fixture.idleSteps = state == .stopped ? ["vcpus", "memory"] : ["vcpus"]
        // What the running machine does not take is left to its next boot.
        fixture.mayWaitForBoot = state == .running
        return fixture
    }

    private static var hardware: [KindFixture] {
        let patch: JSONValue = [
            "vcpus": 2, "vcpus_max": 4, "memory": "128MiB", "memory_max": "1GiB", "cpu": "qemu64", "labels": ["tier": "gold"],
            "boot": ["kernel": ["volume": "vmlinuz"], "cmdline": "quiet"], "expires_at": "2031-01-01T00:00:00Z",
        ]
        return [hardware(.running, patch), hardware(.stopped, patch.with(["name": "web2"]))]
    }
}

extension ManagerBench.Life {
    /// The one machine there is, whatever its name is by now.
    fileprivate func anyMachine() throws -> MachineView {
        guard let machine = fleet.view.machines.first else { throw NotReached(description: "a machine") }
        return machine
    }
}
