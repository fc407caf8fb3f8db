import Hypervisor
import JSON
import JobQueue
import Platform
import TestSupport

@testable import VirtManager

extension KindFixture {
    /// More than is held back.
    private static let parts = [UInt8](repeating: 5, count: (2 << 20) + 1000)

    /// All but the last byte of an upload in parts.
    private static func send(_ life: Life, _ range: Range<Int>) async throws -> PartOutcome {
        try await life.manager.storage.uploadPart(
            pool: "default", volume: "new.img", host: nil,
            UploadRange(bytes: Int64(range.lowerBound)...Int64(range.upperBound - 1), total: Int64(parts.count)), UploadOptions(),
            source: ListSource([Array(parts[range])]), .sample)
    }

    /// The record of an upload of which nothing has come.
    private static func record(_ life: Life) async throws -> UploadRecord {
        let storage = life.manager.storage
        let volume = VolumeReference.sample("new.img")
        if var known = try storage.uploads.record(volume, on: HostName("h1")) {
            known.begin = try storage.desk.newID()
            return known
        }
        let fresh = UploadRecord(
            id: try storage.desk.newID(), begin: try storage.desk.newID(), finish: try storage.desk.newID(), host: HostName("h1"),
            volume: volume, total: 100, offset: 0, format: nil, sha256: nil, replace: false, isMade: false, requestor: .daemon,
            touchedAt: .now())
        try await storage.uploads.insert(fresh)
        return fresh
    }

    private static func outcome(_ part: PartOutcome) throws -> Outcome<VolumeState> {
        guard case .finished(let job) = part else { throw NotReached(description: "the end of the upload") }
        return .job(job)
    }

    static var uploads: [KindFixture] {
        let begin = KindFixture("upload.begin", prepare: { _ in }) { life in
            Outcome<VolumeState>.job(try await life.manager.storage.enqueueBegin(try await record(life), .sample))
        }
        // All has come: the end of it is asked for, as often as it takes.
        var end = KindFixture("volume.upload parts", kind: "volume.upload", prepare: { _ in }) { life in
            try outcome(
                try await life.manager.storage.uploadPart(
                    pool: "default", volume: "new.img", host: nil, UploadRange(bytes: nil, total: Int64(parts.count)), UploadOptions(),
                    source: ListSource([]), .sample))
        }
        end.setUp = { life in
            _ = try await send(life, 0..<parts.count - 1)
            let upload = try await record(life)
            let sink = try await life.hosts[0].openUpload(upload.volume, offset: upload.offset, length: nil)
            try await sink.write([5])
            try await sink.finish()
            _ = try await life.manager.storage.uploads.advance(upload.id, to: upload.total, at: .now())
        }
        // One that was begun, with its volume.
        var delete = KindFixture("volume.delete parts", kind: "volume.delete", prepare: { _ in }) { life in
            try await life.manager.storage.deleteVolume(pool: "default", volume: "new.img", host: nil, missingOK: true, .sample)
        }
        delete.setUp = { life in _ = try await send(life, 0..<parts.count - 1) }
        let grow = KindFixture("volume.resize", prepare: { try SampleWorld.images($0) }) { life in
            try await life.manager.storage.updateVolume(pool: "default", volume: "data.qcow2", host: nil, patch: ["size": "2GiB"], .sample)
        }
        return [begin, end, delete, grow]
    }
}
