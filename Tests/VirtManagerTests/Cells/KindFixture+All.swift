import Hypervisor
import JSON
import JobQueue
import Platform
import TestSupport

@testable import VirtManager

/// The world that most fixtures begin with.
enum SampleWorld {
    static let pool = "/var/lib/libvirt/images"
    static let image = VolumeReference.sample("base.qcow2")

    /// An image to copy from, a disk to attach, a kernel.
    static func images(_ world: FakeWorld) throws {
        try world.virshCreateVolume(VolumeSpec(reference: image, format: "qcow2", capacityBytes: 2 << 30))
        try world.virshCreateVolume(VolumeSpec(reference: .sample("data.qcow2"), format: "qcow2", capacityBytes: 1 << 30))
        try world.placeVolume(.sample("vmlinuz"), Array("a kernel".utf8))
    }

    /// A machine of ours, `web1`, with two disks and a console log of its own.
    static func machine(
        _ world: FakeWorld, _ state: RunState, name: String = "web1", number: UInt8 = 1, installation: String = ManagerBench.installation
    ) async throws {
        let disks = ["a", "b"].map { VolumeReference.sample("\(name)-vd\($0).qcow2") }
        for disk in disks { try world.virshCreateVolume(VolumeSpec(reference: disk, format: "qcow2", capacityBytes: 1 << 30)) }
        let console = VolumeReference.sample("\(name).console.log")
        try world.virshCreateVolume(VolumeSpec(reference: console, format: "raw", capacityBytes: 0))
        let metadata = MachineMetadata(
            installation: installation, job: "job-1", epoch: 1, createdAtMilliseconds: 1_767_225_600_000, labels: ["team": "db"],
            ownedVolumes: disks + [console])
        let host = FakeHost(world)
        _ = try await host.connect()
        try await host.define(
            .sample(
                number, name: name, disks: disks.map { "\(pool)/\($0.volume)" }, consoleLogPath: "\(pool)/\(console.volume)",
                metadata: metadata))
        if state != .stopped { try await host.start(.sample(number), paused: false) }
        if state == .paused {
            // As most that are paused: up, and with its agent connected.
            while try await host.machine(.sample(number))?.agentConnected == false {}
            try await host.suspend(.sample(number))
        }
        world.detach(host)
    }
}

extension KindFixture {
    /// One fixture at least for every kind there is.
    static var all: [KindFixture] {
        creations + wholeMachines + machines + devices + powers + gates + life + storage + networks + pools + uploads
    }

    // MARK: Machines

    static let fullBody: JSONValue = [
        "name": "web1", "memory": "256MiB", "labels": ["team": "db"], "autostart": true,
        "boot": ["kernel": ["volume": "vmlinuz"], "cmdline": "console=ttyS0"],
        "disks": [["size": "1GiB"], ["from": ["volume": "base.qcow2"], "mode": "linked", "size": "4GiB"], ["volume": "data.qcow2"]],
        "start": true, "wait_for": ["running", "address", "agent"],
    ]

    private static var creations: [KindFixture] {
        [
            KindFixture("vm.create", prepare: { try SampleWorld.images($0) }) { life in
                try await life.manager.machines.create(fullBody, .sample)
            },
            KindFixture("vm.create bare", kind: "vm.create", prepare: { _ in }) { life in
                try await life.manager.machines.put("web1", ["nics": []], .sample)
            },
        ]
    }

    private static var machines: [KindFixture] {
        [
            KindFixture("vm.delete", prepare: { try await SampleWorld.machine($0, .running) }) { life in
                try await life.manager.machines.delete("web1", host: nil, disks: "owned", missingOK: true, .sample)
            },
            KindFixture("vm.update", prepare: { try await SampleWorld.machine($0, .running) }) { life in
                try await life.manager.machines.update(
                    life.machine("web1"), patch: ["labels": ["team": .null, "tier": "gold"], "description": "new", "autostart": true],
                    .sample)
            },
        ]
    }

    static func power(_ action: MachineAction, from state: RunState, _ body: JSONValue? = nil) -> KindFixture {
        var fixture = KindFixture(action.jobKind, prepare: { try await SampleWorld.machine($0, state) }) { life in
            try await life.manager.machines.act(action, on: life.machine("web1"), body: body, .sample)
        }
        // Its definition is as it shall be.
        fixture.idleSteps = ["prepare"]
        return fixture
    }

    private static var powers: [KindFixture] {
        [
            power(.start, from: .stopped, ["wait_for": ["running", "address", "agent"]]), power(.shutdown, from: .running),
            power(.stop, from: .running), power(.reboot, from: .running, ["wait_for": ["agent"]]),
            power(.reset, from: .running, ["wait_for": ["running"]]), power(.pause, from: .running), power(.resume, from: .paused),
        ]
    }

    // MARK: Storage

    static let bytes = Array("what was sent, and nothing else".utf8)

    private static func upload(_ name: String, replace: Bool) -> KindFixture {
        var fixture = KindFixture(
            name, kind: "volume.upload",
            prepare: { world in
                try SampleWorld.images(world)
                if replace { try world.placeVolume(.sample("new.img"), Array("what was there before".utf8)) }
            },
            call: { life in
                try await life.manager.storage.upload(
                    pool: "default", volume: "new.img", host: nil, UploadOptions(replace: replace, length: Int64(bytes.count)),
                    source: ListSource([Array(bytes.prefix(7)), Array(bytes.dropFirst(7))]), .sample)
            })
        // The bytes of an upload are kept nowhere: what has not come before the death will not come.
        fixture.stateAfterDeath = { site in
            let hasCome = site.step == "publish" || site.step == "receive" && site.point == .afterOutcome
            return hasCome ? .succeeded : .failed
        }
        // What was replaced does not come back.
        if replace {
            fixture.leftAfterUndo = { site in
                let isBefore = site.step == "remove-old" && (site.point == .beforeIntent || site.point == .afterIntent)
                return isBefore ? 0 : 1
            }
        }
        return fixture
    }

    private static var storage: [KindFixture] {
        [
            KindFixture("volume.create", prepare: { try SampleWorld.images($0) }) { life in
                try await life.manager.storage.createVolume(
                    pool: "default", host: nil, ["name": "new.qcow2", "size": "4GiB", "backing": ["volume": "base.qcow2"]], .sample)
            },
            KindFixture("volume.delete", prepare: { try SampleWorld.images($0) }) { life in
                try await life.manager.storage.deleteVolume(pool: "default", volume: "data.qcow2", host: nil, missingOK: true, .sample)
            },
            upload("volume.upload", replace: false), upload("volume.upload replace", replace: true),
        ]
    }
}
