import Hypervisor
import JSON
import JobQueue
import Platform
import TestSupport
import Testing

@testable import VirtManager

/// Uploads in parts, from the first byte to the volume.
@Suite struct UploadPartTests {
    typealias Life = ManagerBench.Life
    private static let path = "\(SampleWorld.pool)/new.img"
    /// Longer than the head that is held back, and no image of any kind.
    static let bytes: [UInt8] = (0..<(5 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    static var total: Int64 { Int64(bytes.count) }

    @discardableResult
    static func send(
        _ life: Life, _ range: Range<Int>, of whole: [UInt8] = bytes, total: Int64? = nil, announced: Range<Int>? = nil, cut: Bool = false,
        name: String = "new.img", pool: String = "default", _ options: UploadOptions = UploadOptions(), _ mutation: Mutation = .sample
    ) async throws -> PartOutcome {
        let pieces = stride(from: range.lowerBound, to: range.upperBound, by: 60_000).map {
            Array(whole[$0..<min(range.upperBound, $0 + 60_000)])
        }
        let said = announced ?? range
        return try await life.manager.storage.uploadPart(
            pool: pool, volume: name, host: nil,
            UploadRange(bytes: Int64(said.lowerBound)...Int64(said.upperBound - 1), total: total ?? Int64(whole.count)), options,
            source: ListSource(pieces, isCut: cut), mutation)
    }

    private static func ask(_ life: Life, name: String = "new.img", total: Int64 = total) async throws -> PartOutcome {
        try await life.manager.storage.uploadPart(
            pool: "default", volume: name, host: nil, UploadRange(bytes: nil, total: total), UploadOptions(), source: ListSource([]),
            .sample)
    }

    static func offset(_ outcome: PartOutcome, location: SourceLocation = #_sourceLocation) throws -> Int64 {
        guard case .unfinished(let state) = outcome else {
            Issue.record("\(outcome)", sourceLocation: location)
            return -1
        }
        return state.offset
    }

    static func end(_ life: Life, _ outcome: PartOutcome, location: SourceLocation = #_sourceLocation) async throws -> Job {
        guard case .finished(let job) = outcome else {
            Issue.record("\(outcome)", sourceLocation: location)
            throw NotReached(description: "the last part")
        }
        return try await life.end(job)
    }

    private static func told(_ life: Life, name: String = "new.img") throws -> Int64? {
        try life.manager.storage.unfinishedUpload(pool: "default", volume: name, host: nil)?.offset
    }

    // MARK: The way that it goes

    @Test func partsBecomeAVolume() async throws {
        try await ManagerBench.with { life in
            let digest = SHA256.hexadecimalDigest(of: Self.bytes)
            #expect(try Self.offset(try await Self.send(life, 0..<1_000_000, UploadOptions(sha256: digest))) == 1_000_000)
            #expect(life.bench.world.inventory().files.isEmpty, "nothing is made before the header is judged")
            #expect(try Self.offset(try await Self.send(life, 1_000_000..<3_000_000)) == 3_000_000)
            // The head is held back: the volume begins with zeros.
            let begun = try #require(life.bench.world.bytes(of: Self.path, count: 8 << 20))
            let head = Int(UploadRecord.longestHead)
            #expect(begun.prefix(head).allSatisfy { $0 == 0 } && Array(begun[head..<3_000_000]) == Array(Self.bytes[head..<3_000_000]))
            let shown = try await life.manager.storage.volume(pool: "default", volume: "new.img", host: nil)
            #expect(shown.upload?.offset == 3_000_000 && shown.upload?.total == Self.total && shown.observation.format == "raw")
            #expect(try Self.offset(try await Self.ask(life)) == 3_000_000)
            let end = try await Self.end(life, try await Self.send(life, 3_000_000..<Self.bytes.count))
            #expect(end.state == .succeeded, "\(end.failure?.detail ?? "")")
            #expect(life.bench.world.bytes(of: Self.path, count: 8 << 20) == Self.bytes)
            let seen = try await life.manager.storage.volume(pool: "default", volume: "new.img", host: nil)
            #expect(seen.sha256 == digest && seen.upload == nil && seen.observation.capacityBytes == Self.total)
            #expect(try Self.told(life) == nil)
        }
    }

    @Test func oneThatFitsIntoTheHead() async throws {
        try await ManagerBench.with { life in
            var image = QCOW2Builder()
            image.size = 3 << 30
            image.l1Entries = 6
            let bytes = image.build()
            #expect(try Self.offset(try await Self.send(life, 0..<700, of: bytes)) == 700)
            let end = try await Self.end(life, try await Self.send(life, 700..<bytes.count, of: bytes))
            #expect(end.state == .succeeded, "\(end.failure?.detail ?? "")")
            let seen = try await life.manager.storage.volume(pool: "default", volume: "new.img", host: nil)
            #expect(seen.observation.format == "qcow2" && seen.observation.capacityBytes == 3 << 30)
            #expect(life.bench.world.bytes(of: Self.path, count: 8 << 20) == bytes)
        }
    }

    @Test func aCutKeepsWhatCame() async throws {
        try await ManagerBench.with { life in
            let inHead = try await refusal { try await Self.send(life, 0..<600_000, announced: 0..<Self.bytes.count, cut: true) }
            #expect(inHead.code == "upload.cut" && inHead.details["upload_offset"] == 600_000)
            let inRest = try await refusal {
                try await Self.send(life, 600_000..<4_000_000, announced: 600_000..<Self.bytes.count, cut: true)
            }
            #expect(inRest.code == "upload.cut" && inRest.details["upload_offset"] == 4_000_000)
            #expect(try Self.told(life) == 4_000_000)
            #expect(life.bench.world.inventory().openTransfers == 0)
            let end = try await Self.end(life, try await Self.send(life, 4_000_000..<Self.bytes.count))
            #expect(end.state == .succeeded && life.bench.world.bytes(of: Self.path, count: 8 << 20) == Self.bytes)
        }
    }

    @Test func theLengthThatWasAnnouncedCounts() async throws {
        try await ManagerBench.with { life in
            let short = try await refusal { try await Self.send(life, 0..<100, announced: 0..<200) }
            #expect(short.code == "upload.wrong_length" && short.details["upload_offset"] == 100)
            let long = try await refusal { try await Self.send(life, 100..<400, announced: 100..<200) }
            #expect(long.code == "upload.wrong_length" && long.details["upload_offset"] == 200)
            #expect(try Self.told(life) == 200)
        }
    }

    // MARK: Who may write what

    @Test func aWrongOffsetIsToldTheRightOne() async throws {
        try await ManagerBench.with { life in
            let late = try await refusal { try await Self.send(life, 5..<10) }
            #expect(late.code == "upload.wrong_offset" && late.details["upload_offset"] == 0 && late.category == .conflict)
            #expect(try Self.told(life) == nil)
            try await Self.send(life, 0..<500)
            for range in [0..<500, 400..<600, 501..<600] {
                let error = try await refusal { try await Self.send(life, range) }
                #expect(error.code == "upload.wrong_offset" && error.details["upload_offset"] == 500, "\(range)")
            }
            let total = try await refusal { try await Self.send(life, 500..<600, total: Self.total + 1) }
            #expect(total.code == "upload.differs")
            let format = try await refusal { try await Self.send(life, 500..<600, UploadOptions(format: "raw")) }
            #expect(format.code == "upload.differs")
            let unknown = try await refusal { _ = try await Self.ask(life, name: "other.img") }
            #expect(unknown.code == "upload.not_found")
        }
    }

    @Test func ofTwoWritersOneWrites() async throws {
        try await ManagerBench.with { life in
            try await Self.send(life, 0..<3_000_000)
            life.bench.world.faults.hang(.uploadFinish)
            let first = Task { try await Self.send(life, 3_000_000..<4_000_000) }
            await life.bench.world.faults.hangingCall(.only(.uploadFinish))
            let second = try await refusal { try await Self.send(life, 3_000_000..<4_000_000) }
            #expect(second.code == "upload.busy" && second.details["upload_offset"] == 3_000_000)
            life.bench.world.faults.release()
            #expect(try Self.offset(try await first.value) == 4_000_000)
        }
    }

    @Test func nobodyUsesAVolumeThatIsNotWhole() async throws {
        try await ManagerBench.with { life in
            try await Self.send(life, 0..<3_000_000)
            let storage = life.manager.storage
            let machine = try await refusal {
                _ = try await life.manager.machines.create(["name": "web1", "disks": [["volume": "new.img"]]], .sample)
            }
            #expect(machine.problems.first?.detail.contains("upload") == true)
            let down = try await refusal { _ = try await storage.download(pool: "default", volume: "new.img", host: nil) }
            #expect(down.code == "volume.unfinished")
            let overlay = try await life.end(
                try await storage.createVolume(pool: "default", host: nil, ["name": "o", "backing": ["volume": "new.img"]], .sample))
            #expect(overlay.failure?.code == "volume.unfinished")
            let whole = try await refusal {
                _ = try await storage.upload(
                    pool: "default", volume: "new.img", host: nil, UploadOptions(replace: true), source: ListSource([[1]]), .sample)
            }
            #expect(whole.code == "volume.unfinished")
            // While nothing is made yet the name is promised all the same.
            try await Self.send(life, 0..<10, name: "early.img")
            let make = try await refusal {
                _ = try await storage.createVolume(pool: "default", host: nil, ["name": "early.img", "size": "1GiB"], .sample)
            }
            #expect(make.code == "volume.unfinished")
        }
    }

    @Test(arguments: [100, 3_000_000]) func deletingEndsIt(_ count: Int) async throws {
        try await ManagerBench.with { life in
            try await Self.send(life, 0..<count)
            let deletion = try await life.manager.storage.deleteVolume(
                pool: "default", volume: "new.img", host: nil, missingOK: false, .sample)
            #expect(try await life.end(deletion).state == .succeeded)
            #expect(try Self.told(life) == nil && life.bench.world.inventory().files.isEmpty)
            let error = try await refusal { try await Self.send(life, count..<count + 100) }
            #expect(error.code == "upload.wrong_offset" && error.details["upload_offset"] == 0)
            let end = try await Self.end(life, try await Self.send(life, 0..<Self.bytes.count))
            #expect(end.state == .succeeded)
        }
    }

    @Test func deletingStopsAWriter() async throws {
        try await ManagerBench.with { life in
            try await Self.send(life, 0..<3_000_000)
            life.bench.world.faults.hang(.uploadFinish)
            let writer = Task { try await Self.send(life, 3_000_000..<4_000_000) }
            await life.bench.world.faults.hangingCall(.only(.uploadFinish))
            let deletion = try await life.manager.storage.deleteVolume(
                pool: "default", volume: "new.img", host: nil, missingOK: false, .sample)
            let upload = try #require(try life.manager.storage.uploads.record(.sample("new.img"), on: HostName("h1")))
            try await until("the writer is asked to stop") { !life.manager.storage.inbox.mayGoOn(upload.id) }
            life.bench.world.faults.release()
            #expect(try await life.end(deletion).state == .succeeded)
            let error = try await refusal { _ = try await writer.value }
            #expect(error.code == "upload.gone", "\(error.code)")
            #expect(life.bench.world.inventory().files.isEmpty)
        }
    }

    /// The deletion has the volume's lock when the writer comes to the job that makes the volume anew.
    @Test func deletingStopsAWriterWhoseVolumeIsNotMadeYet() async throws {
        try await ManagerBench.with { life in
            _ = try await Self.end(life, try await Self.send(life, 0..<Self.bytes.count))
            try await Self.send(life, 0..<100, UploadOptions(replace: true))
            let source = GatedSource()
            let range = UploadRange(bytes: 100...2_999_999, total: Self.total)
            let writer = Task {
                try await life.manager.storage.uploadPart(
                    pool: "default", volume: "new.img", host: nil, range, UploadOptions(), source: source, .sample)
            }
            try await until("the writer reads") { source.isAwaited }
            let upload = try #require(try life.manager.storage.uploads.record(.sample("new.img"), on: HostName("h1")))
            let deletion = try await life.manager.storage.deleteVolume(
                pool: "default", volume: "new.img", host: nil, missingOK: false, .sample)
            try await until("the writer is asked to stop") { !life.manager.storage.inbox.mayGoOn(upload.id) }
            source.send(Array(Self.bytes[100..<3_000_000]))
            source.end()
            let error = try await refusal { _ = try await writer.value }
            #expect(error.code == "upload.gone", "\(error.code)")
            #expect(try await life.end(deletion).state == .succeeded)
            #expect(try Self.told(life) == nil && life.bench.world.inventory().files.isEmpty)
        }
    }

    /// Whoever deletes a volume means the upload that was to replace it too.
    @Test func deletingWhatIsToBeReplacedEndsTheUpload() async throws {
        try await ManagerBench.with { life in
            _ = try await Self.end(life, try await Self.send(life, 0..<Self.bytes.count))
            try await Self.send(life, 0..<100, UploadOptions(replace: true))
            let differs = try await refusal { try await Self.send(life, 100..<200, total: Self.total + 1) }
            #expect(differs.hints.first?.contains("to replace") == true)
            let deletion = try await life.manager.storage.deleteVolume(
                pool: "default", volume: "new.img", host: nil, missingOK: false, .sample)
            #expect(try await life.end(deletion).state == .succeeded)
            #expect(try Self.told(life) == nil && life.bench.world.inventory().files.isEmpty)
        }
    }

    // MARK: What is refused

    @Test func aBadHeaderIsForgottenBeforeAnythingIsMade() async throws {
        try await ManagerBench.with { life in
            var image = QCOW2Builder()
            image.incompatible = 1 << 60
            let bytes = image.build()
            let calls = life.bench.world.faults.changingCount
            let error = try await refusal { try await Self.send(life, 0..<bytes.count, of: bytes) }
            #expect(error.code.hasPrefix("image.") && error.category == .invalid)
            #expect(life.bench.world.faults.changingCount == calls)
            #expect(try Self.told(life) == nil)
        }
    }

    @Test func aWrongDigestLeavesNothing() async throws {
        try await ManagerBench.with { life in
            let end = try await Self.end(
                life, try await Self.send(life, 0..<Self.bytes.count, UploadOptions(sha256: String(repeating: "0", count: 64))))
            #expect(end.state == .failed && end.failure?.code == "upload.sha256_mismatch", "\(end.failure?.detail ?? "")")
            #expect(try Self.told(life) == nil && life.bench.world.inventory().files.isEmpty)
            #expect(try life.manager.storage.store.record(.sample("new.img"), on: HostName("h1")) == nil)
        }
    }

    /// A host that fails at the end loses nothing: the same is asked for once more.
    @Test func aFailedEndCanBeTriedAgain() async throws {
        try await ManagerBench.with { life in
            life.bench.world.faults.fail(.openDownload, with: .operationFailed)
            let failed = try await Self.end(life, try await Self.send(life, 0..<Self.bytes.count))
            let kept = try Self.told(life)
            #expect(failed.state == .failed && kept == Self.total)
            let end = try await Self.end(life, try await Self.ask(life))
            #expect(end.state == .succeeded && end.id != failed.id)
            #expect(life.bench.world.bytes(of: Self.path, count: 8 << 20) == Self.bytes)
        }
    }
}
