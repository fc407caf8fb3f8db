import Foundation
import TestSupport
import Testing

@testable import VirtManager

/// Images made by qemu-img, where it is installed: what it writes by itself must be taken, what leads elsewhere must not.
@Suite(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/qemu-img"), "qemu-img is not installed"))
struct RealImageTests {
    struct Sample: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let format: String
        let options: String
        let size: String
        /// nil: accepted.
        let reason: ImageRefusal.Reason?
        var before: [[String]] = []
        var after: [[String]] = []

        init(
            _ name: String, _ options: String = "", format: String = "qcow2", size: String = "1G", reason: ImageRefusal.Reason? = nil,
            before: [[String]] = [], after: [[String]] = []
        ) {
            testDescription = name
            self.format = format
            self.options = options
            self.size = size
            self.reason = reason
            self.before = before
            self.after = after
        }
    }

    static let samples = [
        Sample("plain"), Sample("compat 0.10", "compat=0.10"), Sample("small", size: "512"), Sample("odd", size: "1000001"),
        Sample("large", size: "8T"), Sample("largest", "cluster_size=2M", size: "64T"),
        Sample("too large", "cluster_size=2M", size: "65T", reason: .tooLarge),
        Sample("cluster 512", "cluster_size=512", size: "64M"), Sample("cluster 2M", "cluster_size=2M"),
        Sample("zstd", "compression_type=zstd"), Sample("extended L2", "extended_l2=on,cluster_size=128k"),
        Sample("lazy", "lazy_refcounts=on"), Sample("metadata", "preallocation=metadata", size: "64M"),
        Sample("refcount 64", "refcount_bits=64"), Sample("refcount 1", "refcount_bits=1"),
        Sample("bitmap", after: [["bitmap", "--add", "IMAGE", "b0"]]),
        Sample("snapshots", size: "16M", after: [["snapshot", "-c", "a", "IMAGE"], ["snapshot", "-c", "b", "IMAGE"]]),
        Sample("resized", after: [["resize", "IMAGE", "100G"]]),
        Sample("backing", "backing_file=base,backing_fmt=raw", reason: .backingFile, before: [["create", "-f", "raw", "base", "1G"]]),
        Sample(
            "rebased to nothing", "backing_file=base,backing_fmt=raw", before: [["create", "-f", "raw", "base", "1G"]],
            after: [["rebase", "-u", "-b", "", "IMAGE"]]),
        Sample("data file", "data_file=data.raw", size: "16M", reason: .dataFile),
        Sample("raw data file", "data_file=data.raw,data_file_raw=on", size: "16M", reason: .dataFile),
        Sample("QED", format: "qed", reason: .foreignFormat), Sample("VMDK", format: "vmdk", reason: .foreignFormat),
        Sample("flat VMDK", "subformat=monolithicFlat", format: "vmdk", size: "1M", reason: .foreignFormat),
        Sample("VDI", format: "vdi", reason: .foreignFormat), Sample("VHD", format: "vpc", reason: .foreignFormat),
        Sample("fixed VHD", "subformat=fixed", format: "vpc", size: "1M", reason: .foreignFormat),
        Sample("VHDX", format: "vhdx", size: "16M", reason: .foreignFormat), Sample("qcow", format: "qcow", reason: .unsupportedVersion),
        Sample("Parallels", format: "parallels", size: "16M", reason: .foreignFormat), Sample("raw", format: "raw", size: "1M"),
    ]

    @Test(arguments: samples) func judges(_ sample: Sample) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("gantry-images-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        for arguments in sample.before { try await qemuImg(arguments, in: folder) }
        var create = ["create", "-q", "-f", sample.format]
        if !sample.options.isEmpty { create += ["-o", sample.options] }
        try await qemuImg(create + ["image", sample.size], in: folder)
        for arguments in sample.after { try await qemuImg(arguments.map { $0 == "IMAGE" ? "image" : $0 }, in: folder) }

        let file = try FileHandle(forReadingFrom: folder.appendingPathComponent("image"))
        let length = try file.seekToEnd()
        try file.seek(toOffset: 0)
        var inspector = ImageInspector(stated: nil, expectedBytes: Int64(length))
        func inspect() throws -> ImageReport {
            while let piece = try file.read(upToCount: 1 << 20), !piece.isEmpty { _ = try inspector.feed(Array(piece)) }
            return try inspector.finish().report
        }
        if let reason = sample.reason {
            #expect(try #require(throws: ImageRefusal.self) { try inspect() }.reason == reason)
        } else {
            let report = try inspect()
            #expect(report.format.rawValue == sample.format)
            #expect(report.virtualBytes % 512 == 0)
        }
    }

    private func qemuImg(_ arguments: [String], in folder: URL) async throws {
        try await LabCommand(["env", "-C", folder.path, "qemu-img"] + arguments).succeed()
    }
}
