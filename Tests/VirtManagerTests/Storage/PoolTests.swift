import Hypervisor
import JSON
import JobQueue
import TestSupport
import Testing

@testable import VirtManager

@Suite struct PoolTests {
    typealias Life = ManagerBench.Life
    private static let body: JSONValue = ["name": "fast", "type": "dir", "path": "/var/lib/libvirt//fast/"]

    private static func create(_ life: Life, _ body: JSONValue) async throws -> Job {
        try await life.end(try await life.manager.storage.createPool(body, .sample))
    }

    private static func update(_ life: Life, _ name: String, _ patch: JSONValue) async throws -> Outcome<PoolState> {
        try await life.manager.storage.updatePool(life.manager.storage.pool(name, host: nil), patch: patch, .sample)
    }

    @Test func paths() {
        for (text, path) in [("/a", "/a"), ("/a//b/", "/a/b"), ("/a b/ü", "/a b/ü")] { #expect(PoolPath.canonical(text) == path) }
        for text in ["", "/", "a", "./a", "/a/..", "/a/./b", "/../a", "/a\u{0}b", "/a\nb", "/" + String(repeating: "x", count: 1024)] {
            #expect(PoolPath.canonical(text) == nil, "\(text)")
        }
        #expect(
            PoolPath.isBelow("/a/b", "/a") && !PoolPath.isBelow("/ab", "/a") && !PoolPath.isBelow("/a", "/a") && PoolPath.isBelow("/a", "/")
        )
        #expect(
            PoolPath.overlap("/a", "/a/b") && PoolPath.overlap("/a/b", "/a") && PoolPath.overlap("/a", "/a")
                && !PoolPath.overlap("/a", "/ab"))
    }

    @Test func aPoolIsMadeUsedEmptiedAndDeleted() async throws {
        try await ManagerBench.with { life in
            let storage = life.manager.storage
            let end = try await Self.create(life, Self.body)
            #expect(end.state == .succeeded, "\(end.failure?.detail ?? "")")
            let shown = try JSONReader.parse(JSONWriter.encode(try storage.pool("fast", host: nil)))
            #expect(shown["path"] == "/var/lib/libvirt/fast" && shown["active"] == true && shown["autostart"] == true)
            #expect(shown["usable"] == true && shown["volume_formats"] == ["qcow2", "raw"] && shown["pool_type"] == "dir")
            guard case .unchanged = try await Self.update(life, "fast", shown) else {
                Issue.record("what was shown is no change")
                return
            }
            let volume = try await storage.createVolume(pool: "fast", host: nil, ["name": "v", "size": "1GiB"], .sample)
            #expect(try await life.end(volume).state == .succeeded)
            let full = try await refusal { _ = try await storage.deletePool("fast", host: nil, missingOK: false, .sample) }
            #expect(full.code == "pool.not_empty" && full.detail.contains("'v'"))
            _ = try await life.end(try await storage.deleteVolume(pool: "fast", volume: "v", host: nil, missingOK: false, .sample))
            // A file that nobody listed yet is found, by the request or by its job.
            life.bench.world.placeFile("/var/lib/libvirt/fast/found", [1])
            let found = try await refusal { _ = try await storage.deletePool("fast", host: nil, missingOK: false, .sample) }
            #expect(found.code == "pool.not_empty" && found.detail.contains("'found'"))
            life.bench.world.removeFile("/var/lib/libvirt/fast/found")
            life.bench.world.faults.run(at: .refreshPool, call: 2) { $0.placeFile("/var/lib/libvirt/fast/late", [1]) }
            let late = try await life.end(try await storage.deletePool("fast", host: nil, missingOK: false, .sample))
            #expect(late.failure?.code == "pool.not_empty" && late.failure?.detail.contains("'late'") == true, "\(late.state)")
            life.bench.world.removeFile("/var/lib/libvirt/fast/late")
            #expect(try await life.end(try await storage.refreshPool("fast", host: nil, .sample)).state == .succeeded)
            #expect(try await life.end(try await storage.deletePool("fast", host: nil, missingOK: false, .sample)).state == .succeeded)
            #expect(try await refusal { _ = try storage.pool("fast", host: nil) }.code == "pool.not_found")
        }
    }

    @Test func allFaultsAreToldAtOnce() async throws {
        try await ManagerBench.with { life in
            let cases: [(JSONValue, Set<String>)] = [
                ([:], ["/name", "/path"]), (["name": "a/b", "type": "logical", "path": "x", "y": 1], ["/name", "/type", "/path", "/y"]),
                (["name": "a", "path": "/srv/images"], ["/path"]), (["name": "a", "path": "/var/lib/libvirt"], ["/path"]),
                (["name": "a", "path": "/var/lib/libvirt/../x"], ["/path"]), (["name": "a", "path": "/var/lib/libvirtx/a"], ["/path"]),
                (["name": "a", "path": "/var/lib/libvirt/images"], ["/path"]),
                (["name": "a", "path": "/var/lib/libvirt/images/deep/er"], ["/path"]),
                (["name": "a", "path": "/var/lib/libvirt/qemu/save"], ["/path"]),
                (["name": "a", "path": "/var/lib/libvirt/fast", "host": "nowhere"], ["/host"]),
                (["name": "a", "path": "/var/lib/libvirt/fast", "pool_type": "zfs"], ["/pool_type"]),
            ]
            let calls = life.bench.world.faults.changingCount
            for (body, pointers) in cases {
                let error = try await refusal { _ = try await life.manager.storage.createPool(body, .sample) }
                #expect(Set(error.problems.map(\.pointer)) == pointers, "\(body.text): \(error.problems.map(\.detail))")
            }
            let overlap = try await refusal {
                _ = try await life.manager.storage.createPool(["name": "a", "path": "/var/lib/libvirt/images/x"], .sample)
            }
            #expect(overlap.problems.first?.detail.contains("'default'") == true)
            let taken = try await refusal {
                _ = try await life.manager.storage.createPool(["name": "default", "path": "/var/lib/libvirt/fast"], .sample)
            }
            #expect(taken.code == "pool.exists")
            #expect(life.bench.world.faults.changingCount == calls)
        }
    }

    /// Two that overlap and are asked for at once: one is made.
    @Test func ofTwoThatOverlapOneIsMade() async throws {
        try await ManagerBench.with { life in
            life.bench.world.faults.hang(.definePool, call: 1)
            let first = try await life.manager.storage.createPool(["name": "a", "path": "/var/lib/libvirt/x"], .sample)
            await life.bench.world.faults.hangingCall(.only(.definePool))
            let second = try await life.manager.storage.createPool(["name": "b", "path": "/var/lib/libvirt/x/y"], .sample)
            life.bench.world.faults.release()
            #expect(try await life.end(first).state == .succeeded)
            let end = try await life.end(second)
            #expect(end.failure?.code == "pool.overlaps" && end.failure?.detail.contains("'a'") == true)
        }
    }

    @Test func aPoolInUseStays() async throws {
        let world = FakeWorld.standard()
        try SampleWorld.images(world)
        try await SampleWorld.machine(world, .running)
        try await ManagerBench.with([world]) { life in
            let storage = life.manager.storage
            let used = try await refusal { _ = try await storage.deletePool("default", host: nil, missingOK: false, .sample) }
            #expect(used.code == "pool.in_use" && used.details["used_by"] == ["web1"])
            let stop = try await refusal { _ = try await Self.update(life, "default", ["active": false]) }
            #expect(stop.code == "pool.in_use")
            #expect(try await life.end(try await Self.update(life, "default", ["autostart": false])).state == .succeeded)
            #expect(!(try storage.pool("default", host: nil).observation.autostart))
            let machine = try life.machine("web1")
            _ = try await life.end(try await life.manager.machines.act(.stop, on: machine, body: nil, .sample))
            #expect(try await life.end(try await Self.update(life, "default", ["active": false])).state == .succeeded)
            let refresh = try await refusal { _ = try await storage.refreshPool("default", host: nil, .sample) }
            #expect(refresh.code == "pool.inactive" && refresh.category == .state)
            #expect(try await life.end(try await Self.update(life, "default", ["active": true])).state == .succeeded)
            #expect(try await storage.volumes(pool: "default", host: nil).count == 6)
        }
    }

    /// Kinds that are not made here are shown, and take the volumes that they can.
    @Test func poolsOfOtherKinds() async throws {
        let world = FakeWorld.standard()
        world.addPool("vg0", path: "/dev/vg0", type: "logical")
        world.addPool("san", path: "/dev/disk/by-path", type: "iscsi")
        try await ManagerBench.with([world]) { life in
            let storage = life.manager.storage
            let logical = try JSONReader.parse(JSONWriter.encode(try storage.pool("vg0", host: nil)))
            #expect(logical["pool_type"] == "logical" && logical["usable"] == true && logical["volume_formats"] == ["raw"])
            let format = try await refusal {
                _ = try await storage.createVolume(pool: "vg0", host: nil, ["name": "v", "size": "1GiB", "format": "qcow2"], .sample)
            }
            #expect(format.problems.first?.pointer == "/format" && format.problems.first?.allowed == ["raw"])
            let made = try await life.end(
                try await storage.createVolume(pool: "vg0", host: nil, ["name": "v", "size": "1GiB"], .sample))
            #expect(made.state == .succeeded, "\(made.failure?.detail ?? "")")
            #expect(try await storage.volume(pool: "vg0", volume: "v", host: nil).observation.format == "raw")
            // The disks that are made with a machine are qcow2.
            let disk = try await refusal {
                _ = try await life.manager.machines.create(["name": "web1", "disks": [["pool": "vg0", "size": "1GiB"]]], .sample)
            }
            #expect(disk.problems.first?.pointer == "/disks/0/pool" && disk.problems.first?.allowed == ["default"])
            let machine = try await life.manager.machines.create(["name": "web1", "disks": [["pool": "vg0", "volume": "v"]]], .sample)
            #expect(try await life.end(machine).state == .succeeded)
            let given = try await refusal {
                _ = try await storage.createVolume(pool: "san", host: nil, ["name": "v", "size": "1GiB"], .sample)
            }
            #expect(given.code == "pool.read_only" && given.category == .unsupported)
        }
    }

    /// The volumes of such a pool are somebody else's: only its definition is taken away, and only while nobody uses them.
    @Test func whatIsGivenFromOutsideStays() async throws {
        let world = FakeWorld.standard()
        world.addPool("san", path: "/dev/disk/by-path", type: "iscsi")
        let lun = VolumeReference(pool: "san", volume: "unit:0:0:1")
        try world.placeVolume(lun, [UInt8](repeating: 0, count: 512))
        try await ManagerBench.with([world]) { life in
            let (storage, machines) = (life.manager.storage, life.manager.machines)
            let body: JSONValue = ["name": "web1", "disks": [["pool": "san", "volume": "unit:0:0:1"]]]
            #expect(try await life.end(try await machines.create(body, .sample)).state == .succeeded)
            let refusals = [
                try await refusal { _ = try await machines.delete("web1", host: nil, disks: "all", missingOK: false, .sample) },
                try await refusal {
                    _ = try await storage.updateVolume(pool: "san", volume: lun.volume, host: nil, patch: ["size": "1MiB"], .sample)
                },
            ]
            #expect(refusals.allSatisfy { $0.code == "pool.read_only" }, "\(refusals)")
            let used = try await refusal { _ = try await storage.deletePool("san", host: nil, missingOK: false, .sample) }
            #expect(used.code == "pool.in_use")
            #expect(
                try await life.end(try await machines.delete("web1", host: nil, disks: "owned", missingOK: false, .sample)).state
                    == .succeeded)
            let volume = try await refusal {
                _ = try await storage.deleteVolume(pool: "san", volume: lun.volume, host: nil, missingOK: false, .sample)
            }
            #expect(volume.code == "pool.read_only")
            #expect(try await life.end(try await storage.deletePool("san", host: nil, missingOK: false, .sample)).state == .succeeded)
        }
    }
}
