import Hypervisor
import JobQueue
import Platform
import Synchronization
import TestSupport
import Testing

@testable import VirtManager

/// What is left of uploads in parts when nobody goes on with them.
@Suite struct UploadSweepTests {
    typealias Life = ManagerBench.Life

    private static let bytes = [UInt8](repeating: 9, count: 3 << 20)

    private static func send(
        _ life: Life, _ range: Range<Int>, name: String = "new.img", _ options: UploadOptions = UploadOptions()
    ) async throws -> PartOutcome {
        try await life.manager.storage.uploadPart(
            pool: "default", volume: name, host: nil,
            UploadRange(bytes: Int64(range.lowerBound)...Int64(range.upperBound - 1), total: Int64(bytes.count)), options,
            source: ListSource([Array(bytes[range])]), .sample)
    }

    private static func told(_ life: Life, _ name: String = "new.img") throws -> Int64? {
        try life.manager.storage.unfinishedUpload(pool: "default", volume: name, host: nil)?.offset
    }

    @Test func anUploadThatNobodyGoesOnWithIsDeleted() async throws {
        let bench = try ManagerBench()
        let life = try await bench.start()
        _ = try await Self.send(life, 0..<(5 << 19))
        _ = try await Self.send(life, 0..<10, name: "early.img")
        bench.wall.advance(by: .seconds(23 * 3600))
        _ = try await Self.send(life, 10..<20, name: "early.img")
        bench.testClock.advance(by: .seconds(60))
        #expect(try Self.told(life) == 5 << 19)
        bench.wall.advance(by: .seconds(3600))
        try await until("the old one is gone") {
            bench.testClock.advance(by: .seconds(60))
            return try Self.told(life) == nil && bench.world.inventory().files.isEmpty
        }
        #expect(try Self.told(life, "early.img") == 20)
        let job = try #require(try await life.manager.jobs.list(JobFilter(), after: nil, limit: 10).first { $0.kind == "volume.delete" })
        #expect(job.requestor == Requestor(kind: "system", name: "uploads"))
        try await until("nothing in hand") { try await life.isIdle() }
        try await life.stop()
    }

    /// What an upload was to replace was never touched by it: only the upload ends.
    @Test func anAbandonedReplacementLeavesTheOldVolume() async throws {
        let bench = try ManagerBench()
        let life = try await bench.start()
        let old = [UInt8](repeating: 3, count: 700_000)
        let made = try await life.manager.storage.upload(
            pool: "default", volume: "new.img", host: nil, UploadOptions(length: 700_000), source: ListSource([old]), .sample)
        #expect(try await life.end(made).state == .succeeded)
        _ = try await Self.send(life, 0..<100, UploadOptions(replace: true))
        bench.wall.advance(by: .seconds(25 * 3600))
        try await until("the upload is forgotten") {
            bench.testClock.advance(by: .seconds(60))
            return try Self.told(life) == nil
        }
        try await until("nothing in hand") { try await life.isIdle() }
        #expect(bench.world.bytes(of: "\(SampleWorld.pool)/new.img", count: 8 << 20) == old)
        #expect(try life.manager.storage.store.record(.sample("new.img"), on: HostName("h1"))?.sha256.isEmpty == false)
        try await life.stop()
    }

    /// The daemon dies in the middle of a part: what was confirmed is told, and the rest is sent again.
    @Test(arguments: [FakeMethod.openUpload, .uploadWrite, .uploadFinish, .createVolume], [FakeFault.Moment.before, .after])
    func afterAnyDeathItGoesOn(_ method: FakeMethod, _ moment: FakeFault.Moment) async throws {
        let bench = try ManagerBench()
        var life = try await bench.start()
        let first = life
        bench.world.faults.plan(.only(method), call: 1, moment: moment, .die)
        let sender = Task { try? await Self.send(first, 0..<Self.bytes.count) }
        try await until("the death in \(method)") { bench.world.faults.unfired.isEmpty }
        try await life.kill()
        sender.cancel()
        _ = await sender.value
        life = try await bench.start()
        let offset = Int(try #require(try Self.told(life)))
        #expect(offset <= Self.bytes.count && (method == .createVolume || offset <= 2 << 20 || offset == Self.bytes.count))
        let job: Job
        if offset == Self.bytes.count {
            job = try #require(try await life.manager.jobs.list(JobFilter(), after: nil, limit: 10).first { $0.kind == "volume.upload" })
        } else {
            guard case .finished(let last) = try await Self.send(life, offset..<Self.bytes.count) else {
                Issue.record("not finished")
                return
            }
            job = last
        }
        let end = try await life.end(job)
        #expect(end.state == .succeeded, "\(end.failure?.detail ?? "")")
        #expect(bench.world.bytes(of: "\(SampleWorld.pool)/new.img", count: 8 << 20) == Self.bytes)
        #expect(try Self.told(life) == nil)
        try await until("nothing in hand") { try await life.isIdle() }
        try await life.stop()
    }

    /// All had come, and the daemon died before a job was made of it.
    @Test func whatIsWholeIsFinishedAfterARestart() async throws {
        let bench = try ManagerBench()
        var life = try await bench.start()
        _ = try await Self.send(life, 0..<(5 << 19))
        let upload = try #require(try life.manager.storage.uploads.record(.sample("new.img"), on: HostName("h1")))
        let sink = try await life.hosts[0].openUpload(.sample("new.img"), offset: upload.offset, length: nil)
        try await sink.write(Array(Self.bytes[(5 << 19)...]))
        try await sink.finish()
        #expect(try await life.manager.storage.uploads.advance(upload.id, to: upload.total, at: .now()))
        try await life.kill()
        life = try await bench.start()
        try await until("the volume is whole") { try Self.told(life) == nil }
        let seen = try await life.manager.storage.volume(pool: "default", volume: "new.img", host: nil)
        #expect(seen.upload == nil && seen.sha256 == SHA256.hexadecimalDigest(of: Self.bytes))
        #expect(bench.world.bytes(of: "\(SampleWorld.pool)/new.img", count: 8 << 20) == Self.bytes)
        try await until("nothing in hand") { try await life.isIdle() }
        try await life.stop()
    }
}
