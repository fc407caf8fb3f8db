import Hypervisor
import JSON
import JobQueue
import TestSupport
import Testing

@testable import VirtManager

@Suite struct VolumeTests {
    typealias Life = ManagerBench.Life
    private static let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    private static func upload(
        _ life: Life, _ source: ListSource, _ options: UploadOptions = UploadOptions(), name: String = "new.img",
        _ mutation: Mutation = .sample
    ) async throws -> Outcome<VolumeState> {
        try await life.manager.storage.upload(pool: "default", volume: name, host: nil, options, source: source, mutation)
    }

    // MARK: Uploads

    @Test func anUploadIsThereWholeWithItsDigest() async throws {
        try await ManagerBench.with { life in
            var image = QCOW2Builder()
            image.size = 3 << 30
            image.l1Entries = 6
            let bytes = image.build()
            let pieces = stride(from: 0, to: bytes.count, by: 50_000).map { Array(bytes[$0..<min(bytes.count, $0 + 50_000)]) }
            let end = try await life.end(
                try await Self.upload(life, ListSource(pieces), UploadOptions(format: "qcow2", length: Int64(bytes.count))))
            #expect(end.state == .succeeded, "\(end.failure?.detail ?? "")")
            let seen = try await life.manager.storage.volume(pool: "default", volume: "new.img", host: nil)
            #expect(seen.observation.format == "qcow2" && seen.observation.capacityBytes == 3 << 30)
            #expect(seen.sha256?.count == 64)
            #expect(life.bench.world.bytes(of: seen.observation.path) == bytes)
            let content = try await life.manager.storage.download(pool: "default", volume: "new.img", host: nil)
            #expect(content.size == Int64(bytes.count))
            let part = try await content.open(offset: 4, length: 8)
            #expect(try await part.read() == Array(bytes[4..<12]))
        }
    }

    @Test func aBadHeaderIsRefusedBeforeAnythingIsMade() async throws {
        try await ManagerBench.with { life in
            var image = QCOW2Builder()
            image.incompatible = 1 << 60
            let calls = life.bench.world.faults.changingCount
            let error = try await refusal { _ = try await Self.upload(life, ListSource([image.build()])) }
            #expect(error.code.hasPrefix("image.") && error.category == .invalid)
            let cut = try await refusal { _ = try await Self.upload(life, ListSource([[1, 2, 3]], isCut: true)) }
            #expect(cut.code == "upload.cut")
            let options = UploadOptions(format: "vmdk", sha256: "zz", length: 0)
            let bad = try await refusal { _ = try await Self.upload(life, ListSource([]), options, name: "../x") }
            #expect(Set(bad.problems.map(\.pointer)) == ["volume", "format", "sha256", "content-length"])
            let large = try await refusal { _ = try await Self.upload(life, ListSource([]), UploadOptions(length: 1 << 39)) }
            #expect(large.code == "pool.no_space")
            #expect(life.bench.world.faults.changingCount == calls)
            #expect(try await life.manager.jobs.list(JobFilter(), after: nil, limit: 10).isEmpty)
        }
    }

    @Test func aWrongDigestOrACutLeavesNothing() async throws {
        try await ManagerBench.with { life in
            let wrong = try await life.end(try await Self.upload(life, ListSource([[1, 2, 3]]), UploadOptions(sha256: Self.empty)))
            #expect(wrong.failure?.code == "upload.sha256_mismatch")
            let large = [[UInt8]](repeating: [UInt8](repeating: 7, count: 1 << 20), count: 3)
            let cut = try await life.end(try await Self.upload(life, ListSource(large, isCut: true)))
            #expect(cut.failure?.code == "upload.cut" && cut.failure?.isRetryable == true, "\(cut.failure?.code ?? "")")
            #expect(life.bench.world.inventory().files.isEmpty && life.bench.world.inventory().openTransfers == 0)
        }
    }

    /// Everything of a small upload was read before the job began; that it was read does not mean that it was written.
    @Test func aSmallUploadThatCannotBeWrittenFails() async throws {
        for method in [FakeMethod.openUpload, .uploadWrite, .uploadFinish] {
            try await ManagerBench.with { life in
                life.bench.world.faults.fail(method, times: nil, with: .operationFailed)
                let end = try await life.end(try await Self.upload(life, ListSource([[1, 2, 3]])))
                #expect(end.state == .failed, "\(method)")
                #expect(life.bench.world.inventory().files.isEmpty)
                #expect(life.manager.storage.inbox[end.id] == nil)
            }
        }
    }

    @Test func aLostConnectionAtTheStartIsTriedAgain() async throws {
        try await ManagerBench.with { life in
            life.bench.world.faults.fail(.openUpload, with: .busy)
            let end = try await life.end(try await Self.upload(life, ListSource([[1, 2, 3]])))
            #expect(end.state == .succeeded, "\(end.failure?.detail ?? "")")
            #expect(life.bench.world.bytes(of: "\(SampleWorld.pool)/new.img") == [1, 2, 3])
        }
    }

    @Test func replacingNeedsToBeSaidAndAFreeVolume() async throws {
        try await ManagerBench.with { life in
            try SampleWorld.images(life.bench.world)
            let taken = try await refusal { _ = try await Self.upload(life, ListSource([[1]]), name: "vmlinuz") }
            #expect(taken.code == "volume.exists" && taken.hints.first?.contains("replace") == true)
            let end = try await life.end(try await Self.upload(life, ListSource([[9, 9]]), UploadOptions(replace: true), name: "vmlinuz"))
            #expect(end.state == .succeeded)
            #expect(life.bench.world.bytes(of: "\(SampleWorld.pool)/vmlinuz") == [9, 9])
            let user = try await life.manager.machines.create(["name": "user", "boot": ["kernel": ["volume": "vmlinuz"]]], .sample)
            #expect(try await life.end(user).state == .succeeded)
            let used = try await refusal {
                _ = try await Self.upload(life, ListSource([[1]]), UploadOptions(replace: true), name: "vmlinuz")
            }
            #expect(used.code == "volume.in_use" && used.detail.contains("user"))
        }
    }

    @Test func anUploadThatNeverBeganIsLetGo() async throws {
        try await ManagerBench.with { life in
            life.bench.world.faults.hang(.createVolume)
            let first = try await Self.upload(life, ListSource([[1]]))
            await life.bench.world.faults.hangingCall(.only(.createVolume))
            let busy = try await refusal { _ = try await Self.upload(life, ListSource([[2]])) }
            #expect(busy.code == "volume.being_created")
            guard case .job(let job) = first else { return }
            _ = try await life.manager.jobs.cancel(job.id.text)
            let end = try await life.end(job)
            #expect(end.state == .cancelled)
            #expect(life.manager.storage.inbox[job.id] == nil)
            #expect(life.bench.world.inventory().files.isEmpty)
            let again = try await refusal { _ = try await life.manager.jobs.retry(job.id.text, .sample) }
            #expect(again.code == "job.not_repeatable")
        }
    }

    // MARK: Volumes

    @Test func deleteIsRefusedInUse() async throws {
        let world = FakeWorld.standard()
        try SampleWorld.images(world)
        try await SampleWorld.machine(world, .running)
        try await ManagerBench.with([world]) { life in
            let storage = life.manager.storage
            func refused(_ name: String) async throws -> ServiceError {
                try await refusal { _ = try await storage.deleteVolume(pool: "default", volume: name, host: nil, missingOK: true, .sample) }
            }
            let used = try await refused("web1-vda.qcow2")
            #expect(used.code == "volume.in_use" && used.details["used_by"] == ["web1"])
            #expect(try await refused("web1.console.log").code == "volume.in_use")
            _ = try await life.end(
                try await storage.createVolume(
                    pool: "default", host: nil, ["name": "c.qcow2", "backing": ["volume": "base.qcow2"]], .sample))
            #expect(try await refused("base.qcow2").details["children"] == ["c.qcow2"])
            // Taken into use between the request and the act.
            world.faults.hang(.refreshPool, call: 1)
            let free = try await storage.deleteVolume(pool: "default", volume: "data.qcow2", host: nil, missingOK: false, .sample)
            await world.faults.hangingCall(.only(.refreshPool))
            try world.virshDefine(
                FakeDefinition(
                    id: .sample(5), name: "other",
                    hardware: MachineHardware(
                        accelerator: .tcg, vcpus: 1, vcpusMax: 1, memoryBytes: 1 << 28, memoryMaxBytes: 1 << 28,
                        disks: [
                            DiskObservation(
                                target: "vda", device: "disk", bus: "virtio", path: "\(SampleWorld.pool)/data.qcow2", format: "qcow2")
                        ])))
            try await until("the new user is seen") { (try? life.machine("other")) != nil }
            world.faults.release()
            let end = try await life.end(free)
            #expect(end.state == .failed && end.failure?.code == "volume.in_use")
            #expect(world.inventory().volumeNames.contains("default/data.qcow2"))
            guard case .absent = try await storage.deleteVolume(pool: "default", volume: "nope", host: nil, missingOK: true, .sample) else {
                Issue.record("missing=ok")
                return
            }
        }
    }

    /// Somebody makes a volume of that name between the look and the act: it is theirs, and stays.
    @Test func aVolumeOfOthersIsNeverTakenForOurs() async throws {
        try await ManagerBench.with { life in
            let bytes = Array("not ours".utf8)
            life.bench.world.faults.run(at: .createVolume) { try? $0.placeVolume(.sample("new.qcow2"), bytes) }
            let end = try await life.end(
                try await life.manager.storage.createVolume(pool: "default", host: nil, ["name": "new.qcow2", "size": "1GiB"], .sample))
            #expect(end.state == .failed && end.failure?.code == "volume.exists")
            #expect(life.bench.world.bytes(of: "\(SampleWorld.pool)/new.qcow2") == bytes)
        }
    }

    @Test func badBodies() async throws {
        try await ManagerBench.with { life in
            try SampleWorld.images(life.bench.world)
            let storage = life.manager.storage
            let cases: [(JSONValue, Set<String>)] = [
                (["size": "1GiB"], ["/name"]),
                (["name": "a/b", "size": -1, "format": "vmdk", "x": 1], ["/name", "/size", "/format", "/x"]),
                (["name": "a"], ["/size"]), (["name": "a", "backing": ["volume": "nope"]], ["/backing"]),
                (["name": "a", "size": "1GiB", "backing": ["volume": "base.qcow2"]], ["/size"]),
                (["name": "a", "format": "raw", "backing": ["volume": "base.qcow2"]], ["/format"]),
            ]
            for (body, pointers) in cases {
                let error = try await refusal { _ = try await storage.createVolume(pool: "default", host: nil, body, .sample) }
                #expect(Set(error.problems.map(\.pointer)) == pointers, "\(body.text)")
            }
            let missing = try await refusal { _ = try await storage.createVolume(pool: "nope", host: nil, ["name": "a"], .sample) }
            #expect(missing.code == "pool.not_found")
        }
    }
}
