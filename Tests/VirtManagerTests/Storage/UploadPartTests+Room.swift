import Hypervisor
import JSON
import JobQueue
import Platform
import TestSupport
import Testing

@testable import VirtManager

/// Space and places for uploads.
extension UploadPartTests {
    @Test func spaceIsPromisedOnce() async throws {
        let world = FakeWorld.standard(poolCapacityBytes: 20 << 20)
        try await ManagerBench.with([world]) { life in
            let large = try await refusal { try await Self.send(life, 0..<10, total: 21 << 20) }
            #expect(large.code == "pool.no_space" && large.category == .noSpace && large.details["available_bytes"] == 20_971_520)
            try await Self.send(life, 0..<10, total: 15 << 20)
            let second = try await refusal { try await Self.send(life, 0..<10, total: 6 << 20, name: "second.img") }
            #expect(second.code == "pool.no_space" && second.details["promised_bytes"] == 15_728_630)
            let whole = try await refusal {
                _ = try await life.manager.storage.upload(
                    pool: "default", volume: "third.img", host: nil, UploadOptions(length: 6 << 20), source: ListSource([[1]]), .sample)
            }
            #expect(whole.code == "pool.no_space")
            #expect(world.inventory().files.isEmpty)
            try await Self.send(life, 0..<10, total: 4 << 20, name: "fourth.img")
        }
    }

    /// Others fill the pool meanwhile.
    @Test func aPoolThatFillsUp() async throws {
        let world = FakeWorld.standard(poolCapacityBytes: 8 << 20)
        try await ManagerBench.with([world]) { life in
            try await Self.send(life, 0..<3_000_000)
            world.placeFile("\(SampleWorld.pool)/other", [UInt8](repeating: 7, count: 6 << 20))
            let error = try await refusal { try await Self.send(life, 3_000_000..<Self.bytes.count) }
            #expect(error.code == "pool.no_space" && error.details["wanted_bytes"] == .integer(Self.total - 3_000_000))
            #expect(error.details["upload_offset"] == 3_000_000)
            world.removeFile("\(SampleWorld.pool)/other")
            let end = try await Self.end(life, try await Self.send(life, 3_000_000..<Self.bytes.count))
            #expect(end.state == .succeeded)
        }
    }

    /// Those that have sent nothing yet count like those that have.
    @Test func ofManyAtOnceNoMoreAreLetInThanFit() async throws {
        let bench = try ManagerBench([.standard(poolCapacityBytes: 20 << 20)])
        var limits = ServiceLimits()
        limits.uploads = 2
        let life = try await bench.start(serviceLimits: limits)
        let storage = life.manager.storage
        func upload(_ name: String, _ length: Int64, _ source: GatedSource) -> Task<Job, any Error> {
            Task {
                let outcome = try await storage.upload(
                    pool: "default", volume: name, host: nil, UploadOptions(length: length), source: source, .sample)
                return try await life.end(outcome)
            }
        }
        let (first, second) = (GatedSource(), GatedSource())
        let one = upload("a", 15 << 20, first)
        try await until("the first is being read") { first.isAwaited }
        let large = try await refusal { try await Self.send(life, 0..<10, total: 6 << 20, name: "b") }
        #expect(large.code == "pool.no_space" && large.details["promised_bytes"] == .integer(15 << 20))
        let two = upload("b", 4 << 20, second)
        try await until("the second is being read") { second.isAwaited }
        let third = try await refusal { try await Self.send(life, 0..<10, total: 1 << 20, name: "c") }
        #expect(third.code == "limit.uploads")
        for source in [first, second] { source.cut() }
        for task in [one, two] { #expect(try await refusal { _ = try await task.value }.code == "upload.cut") }
        try await Self.send(life, 0..<10, total: 15 << 20, name: "c")
        try await life.stop()
    }

    /// A volume that has taken its space when it was made does not take it again.
    @Test func roomIsCountedOnceInPoolsThatAreNotDirectories() async throws {
        let world = FakeWorld.standard(poolCapacityBytes: 8 << 20)
        world.addPool("vg0", path: "/dev/vg0", capacityBytes: 8 << 20, type: "logical")
        try await ManagerBench.with([world]) { life in
            let half = try await Self.send(life, 0..<3_000_000, pool: "vg0")
            #expect(try Self.offset(half) == 3_000_000)
            let pool = try life.manager.storage.pool("vg0", host: nil)
            #expect(pool.observation.availableBytes <= 3 << 20)
            let whole = try await Self.end(life, try await Self.send(life, 3_000_000..<Self.bytes.count, pool: "vg0"))
            #expect(whole.state == .succeeded, "\(whole.failure?.detail ?? "")")
        }
    }

    /// A device would hold the image's header in place of a disk.
    @Test func aPoolOfDevicesTakesNoImageFormats() async throws {
        let world = FakeWorld.standard()
        world.addPool("vg0", path: "/dev/vg0", type: "logical")
        try await ManagerBench.with([world]) { life in
            let bytes = QCOW2Builder().build()
            let calls = world.faults.changingCount
            let whole = try await refusal {
                _ = try await life.manager.storage.upload(
                    pool: "vg0", volume: "new.img", host: nil, UploadOptions(), source: ListSource([bytes]), .sample)
            }
            let parts = try await refusal { try await Self.send(life, 0..<bytes.count, of: bytes, pool: "vg0") }
            #expect([whole, parts].allSatisfy { $0.code == "image.format_not_taken" && $0.detail.contains("raw") }, "\(whole) \(parts)")
            #expect(world.faults.changingCount == calls)
            #expect(try life.manager.storage.unfinishedUpload(pool: "vg0", volume: "new.img", host: nil) == nil)
        }
    }

    @Test func atTheLimitAndOnePast() async throws {
        let bench = try ManagerBench()
        var limits = ServiceLimits()
        limits.uploads = 2
        limits.uploadBytes = 1 << 20
        let life = try await bench.start(serviceLimits: limits)
        // Nobody can end one on a host that is not configured any more.
        let lost = UploadRecord(
            id: try JobID(at: .now()), begin: try JobID(at: .now()), finish: try JobID(at: .now()), host: HostName("gone"),
            volume: .sample("a"), total: 10, offset: 0, replace: false, isMade: false, requestor: .daemon, touchedAt: .now())
        try await life.manager.storage.uploads.insert(lost)
        try await Self.send(life, 0..<10, total: 1 << 20, name: "a")
        let large = try await refusal { try await Self.send(life, 0..<10, total: 1 << 20 + 1, name: "b") }
        #expect(large.code == "limit.upload_bytes" && large.category == .limit && !large.isRetryable)
        let chunked = try await life.end(
            try await life.manager.storage.upload(
                pool: "default", volume: "c", host: nil, UploadOptions(),
                source: ListSource([[UInt8]](repeating: [UInt8](repeating: 1, count: 1 << 19), count: 3)), .sample))
        #expect(chunked.failure?.code == "limit.upload_bytes" && bench.world.inventory().files.isEmpty)
        try await Self.send(life, 0..<10, total: 1 << 20, name: "b")
        let third = try await refusal { try await Self.send(life, 0..<10, total: 100, name: "d") }
        #expect(third.code == "limit.uploads" && third.category == .limit && third.isRetryable)
        let whole = try await refusal {
            _ = try await life.manager.storage.upload(
                pool: "default", volume: "d", host: nil, UploadOptions(length: 1), source: ListSource([[1]]), .sample)
        }
        #expect(whole.code == "limit.uploads")
        try await life.stop()
    }
}
