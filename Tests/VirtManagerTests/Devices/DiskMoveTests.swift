import Hypervisor
import JSON
import JobQueue
import TestSupport
import Testing

@testable import VirtManager

@Suite struct DiskMoveTests {
    @Test func aDiskMovesRunningAndOff() async throws {
        for (state, applied) in [(RunState.running, "live"), (.paused, "live"), (.stopped, "definition")] {
            try await DeviceBench.with(state) { life in
                let job = try await life.change("vdb", ["pool": "fast"])
                #expect(job.state == .succeeded, "\(state): \(job.failure?.detail ?? "")")
                #expect(job.result?["applied"]?.stringValue == applied)
                let copy = try #require(job.steps.first { $0.name == "copy" })
                #expect(copy.bytesTotal ?? 0 > 0 && copy.bytesDone == copy.bytesTotal, "\(copy)")
                #expect(job.result?["disk"]?["old_volume_kept"] == false && job.result?["disk"]?["flattened"] == false)
                let seen = try await life.seen()
                #expect(seen.state == state)
                for hardware in [seen.live, seen.defined].compactMap({ $0 }) {
                    #expect(hardware.disk("vdb")?.path?.hasPrefix("/srv/fast/web1-vdb-") == true)
                }
                let names = life.bench.world.inventory().volumeNames
                #expect(!names.contains("default/web1-vdb.qcow2") && names.contains { $0.hasPrefix("fast/web1-vdb-") })
                #expect(try life.machine("web1").disks.allSatisfy(\.isOwned))
                #expect(life.bench.world.inventory().machines.count == 1, "a helper is left")
            }
        }
    }

    @Test func progressIsShownAndACancelLeavesTheDiskAsItWas() async throws {
        for state in [RunState.running, .stopped] {
            try await DeviceBench.with(state, prepare: { $0.blockCopyTicks = 4 }) { life in
                let before = WorldPicture(life.bench.world)
                let outcome = try await life.devices.updateDisk(life.machine("web1"), "vdb", ["pool": "fast"], .sample)
                guard case .job(let job) = outcome else { throw NotReached(description: "a job") }
                life.bench.world.tick()
                try await until("progress") {
                    let step = life.manager.engine.board[job.id]?.steps.first { $0.name == "copy" }
                    return step?.bytesTotal ?? 0 > 0
                }
                _ = try await life.manager.jobs.cancel(job.id.text)
                #expect(try await life.end(job).state == .cancelled)
                #expect(WorldPicture(life.bench.world) == before, "\(WorldPicture(life.bench.world)) instead of \(before)")
            }
        }
    }

    @Test func aFullPoolIsToldWithFiguresAndNothingIsLeft() async throws {
        try await DeviceBench.with(prepare: { $0.addPool("tiny", path: "/srv/tiny", capacityBytes: 1000) }) { life in
            let error = try await refusal { _ = try await life.change("vdb", ["pool": "tiny"]) }
            #expect(error.code == "pool.no_space" && error.category == .noSpace)
            #expect(error.details["available_bytes"] == 1000 && error.details["needed_bytes"]?.integerValue ?? 0 > 1000)
        }
        // The pool fills up while the copy is on its way.
        try await DeviceBench.with(
            prepare: { world in
                world.addPool("small", path: "/srv/small", capacityBytes: 1 << 20)
                world.blockCopyTicks = 3
                world.faults.run(at: .startBlockCopy, moment: .after) { world in
                    world.placeFile("/srv/small/filler", [UInt8](repeating: 1, count: 600 << 10))
                }
                let disk = "\(SampleWorld.pool)/web1-vdb.qcow2"
                let empty = try #require(world.bytes(of: disk))
                world.placeFile(disk, empty + [UInt8](repeating: 7, count: 400 << 10))
            }
        ) { life in
            let outcome = try await life.devices.updateDisk(life.machine("web1"), "vdb", ["pool": "small"], .sample)
            guard case .job(let job) = outcome else { throw NotReached(description: "a job") }
            try await until("the copy to end") {
                life.bench.world.tick()
                return life.manager.engine.board[job.id]?.state.endsWaits == true
            }
            let end = try await life.end(job)
            #expect(end.state == .failed, "\(end.failure?.code ?? "")")
            #expect(!life.bench.world.inventory().volumeNames.contains { $0.hasPrefix("small/web1") })
            #expect(try await life.seen().live?.disk("vdb")?.path?.hasSuffix("web1-vdb.qcow2") == true)
        }
    }

    /// Such as that of a disk that is larger than its volume says.
    @Test func aCopyThatIsGivenUpAtOnceEndsTheMove() async throws {
        try await DeviceBench.with(prepare: { world in
            world.addPool("small", path: "/srv/small", capacityBytes: 1 << 20)
            world.blockCopyTicks = 1
            world.faults.run(at: .startBlockCopy, moment: .after) { world in
                world.placeFile("/srv/small/filler", [UInt8](repeating: 1, count: 900 << 10))
                world.tick()
                world.removeFile("/srv/small/filler")
            }
            let disk = "\(SampleWorld.pool)/web1-vdb.qcow2"
            let empty = try #require(world.bytes(of: disk))
            world.placeFile(disk, empty + [UInt8](repeating: 7, count: 400 << 10))
        }) { life in
            let end = try await life.end(try await life.devices.updateDisk(life.machine("web1"), "vdb", ["pool": "small"], .sample))
            #expect(end.state == .failed && end.failure?.code == "disk.move_failed", "\(end.failure?.code ?? "")")
            #expect(!life.bench.world.inventory().volumeNames.contains { $0.hasPrefix("small/web1") })
            #expect(try await life.seen().live?.disk("vdb")?.path?.hasSuffix("web1-vdb.qcow2") == true)
        }
    }

    @Test func aGuestThatPowersOffEndsTheMoveCleanly() async throws {
        try await DeviceBench.with(prepare: { $0.blockCopyTicks = 1000 }) { life in
            let outcome = try await life.devices.updateDisk(life.machine("web1"), "vdb", ["pool": "fast"], .sample)
            try await until("the copy") { life.bench.world.faults.count(.blockJob) > 3 }
            life.bench.world.guestPowersOff(.sample(1))
            let end = try await life.end(outcome)
            #expect(end.state == .failed && end.failure?.code == "disk.move_interrupted", "\(end.failure?.detail ?? "")")
            #expect(!life.bench.world.inventory().volumeNames.contains { $0.hasPrefix("fast/") })
        }
    }

    /// A guest writes what it likes into a raw disk, the header of another format too.
    @Test func aRawDiskIsCopiedAsRawWhateverItBeginsWith() async throws {
        try await DeviceBench.with(
            .stopped,
            prepare: { world in
                let header = try #require(world.bytes(of: "\(SampleWorld.pool)/web1-vdb.qcow2"))
                try world.placeVolume(.sample("plain.img"), header)
                let host = FakeHost(world)
                _ = try await host.connect()
                let source = DiskSpec.Source(path: "\(SampleWorld.pool)/plain.img", format: "raw")
                try await host.edit(.sample(1), [.addDisk(DiskSpec(target: "vdc", source: source))])
                world.detach(host)
            }
        ) { life in
            let job = try await life.change("vdc", ["pool": "fast"])
            #expect(job.state == .succeeded, "\(job.failure?.detail ?? "")")
            let disk = try #require(try await life.seen().defined.disk("vdc"))
            #expect(disk.format == "raw" && disk.path?.hasPrefix("/srv/fast/") == true && disk.path?.hasSuffix(".img") == true)
        }
    }

    @Test func whatOthersStandOnStays() async throws {
        try await DeviceBench.with(
            prepare: { world in
                try world.virshCreateVolume(
                    VolumeSpec(
                        reference: .sample("child.qcow2"), format: "qcow2", capacityBytes: nil,
                        backing: .init(path: "web1-vdb.qcow2", format: "qcow2")))
            }
        ) { life in
            let job = try await life.change("vdb", ["pool": "fast"])
            #expect(job.state == .succeeded && job.result?["disk"]?["old_volume_kept"] == true, "\(job.failure?.detail ?? "")")
            #expect(life.bench.world.inventory().volumeNames.contains("default/web1-vdb.qcow2"))
        }
    }

    @Test func aMoveIsAChangeOfItsOwn() async throws {
        try await DeviceBench.with { life in
            let both = try await refusal { _ = try await life.change("vdb", ["pool": "fast", "size": "9GiB"]) }
            #expect(both.problems.map(\.pointer) == ["/pool"])
            let none = try await refusal { _ = try await life.change("vdb", ["pool": "nowhere"]) }
            #expect(none.problems.map(\.pointer) == ["/pool"])
        }
    }
}
