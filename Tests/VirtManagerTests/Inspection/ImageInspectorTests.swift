import Testing

@testable import VirtManager

@Suite struct ImageInspectorTests {
    /// Feeds in pieces; what is released must be the content itself.
    private func inspect(
        _ bytes: [UInt8], stated: ImageFormat? = nil, pieces: Int = 65_536, expected: Int64? = nil, limits: ImageLimits = ImageLimits()
    ) throws -> ImageReport {
        var inspector = ImageInspector(stated: stated, expectedBytes: expected, limits: limits)
        var released: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: pieces) {
            released += try inspector.feed(Array(bytes[start..<min(start + pieces, bytes.count)]))
        }
        let (report, rest) = try inspector.finish()
        #expect(released + rest == bytes)
        return report
    }

    private func reason(_ bytes: [UInt8], stated: ImageFormat? = nil, limits: ImageLimits = ImageLimits()) throws -> ImageRefusal {
        try #require(throws: ImageRefusal.self) { _ = try inspect(bytes, stated: stated, limits: limits) }
    }

    private func image(_ change: (inout QCOW2Builder) -> Void = { _ in }) -> [UInt8] {
        var builder = QCOW2Builder()
        change(&builder)
        return builder.build()
    }

    @Test(arguments: [1, 3, 8, 512, 4096, 1 << 20]) func takesAPlainImageHoweverItArrives(_ pieces: Int) throws {
        for stated in [nil, ImageFormat.qcow2] {
            let report = try inspect(image { $0.fileBytes = 0x30010 }, stated: stated, pieces: pieces, expected: 0x30010)
            #expect(report.format == .qcow2)
            #expect(report.virtualBytes == 1 << 30)
            #expect(report.fileBytes == 0x30010)
            let header = try #require(report.qcow2)
            #expect(header.version == 3 && header.clusterBytes == 65_536 && !header.isDirty && !header.isZstandard && header.snapshots == 0)
        }
    }

    @Test func takesWhatIsHarmless() throws {
        #expect(try inspect(image { $0.version = 2 }).qcow2?.version == 2)
        #expect(try inspect(image { $0.incompatible = 1 }).qcow2?.isDirty == true)
        let zstandard = image { builder in
            builder.incompatible = 1 << 3
            builder.headerLength = 112
            builder.more = [1, 0, 0, 0, 0, 0, 0, 0]
        }
        #expect(try inspect(zstandard).qcow2?.isZstandard == true)
        #expect(
            try inspect(
                image {
                    $0.headerLength = 112; $0.more = [UInt8](repeating: 0, count: 8)
                }
            ).qcow2?.isZstandard == false)
        #expect(
            try inspect(
                image {
                    $0.incompatible = 1 << 4; $0.l1Entries = 4
                }
            ).qcow2?.hasExtendedL2 == true)
        // Unknown compatible and autoclear features may be ignored, and so may unknown extensions.
        #expect(
            try inspect(
                image {
                    $0.compatible = .max; $0.autoclear = .max & ~2
                }
            ).format == .qcow2)
        #expect(try inspect(image { $0.extensions = [(0x1234_5678, [1, 2, 3]), (0xe279_2aca, Array("raw".utf8))] }).format == .qcow2)
        #expect(
            try inspect(
                image {
                    $0.snapshots = 3; $0.snapshotsOffset = 0x30000
                }
            ).qcow2?.snapshots == 3)
        let bitmaps: [UInt8] =
            QCOW2Builder.bigEndian(UInt32(1)) + [0, 0, 0, 0] + QCOW2Builder.bigEndian(UInt64(32)) + QCOW2Builder.bigEndian(UInt64(0x30000))
        #expect(
            try inspect(
                image {
                    $0.autoclear = 1; $0.extensions = [(0x2385_2875, bitmaps)]
                }
            ).format == .qcow2)
    }

    @Test(arguments: [9, 12, 14, 21] as [UInt32]) func takesEveryClusterSize(_ bits: UInt32) throws {
        let cluster = UInt64(1) << UInt64(bits)
        let bytes = image { builder in
            builder.clusterBits = bits
            builder.size = 1 << 20
            builder.l1Entries = UInt32(max(1, (1 << 20) / (cluster * cluster / 8)))
            builder.refcountOffset = cluster
            builder.l1Offset = 2 * cluster
            builder.fileBytes = Int(2 * cluster) + 512
        }
        #expect(try inspect(bytes, pieces: 100_000).qcow2?.clusterBytes == Int64(cluster))
    }

    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let reason: ImageRefusal.Reason
        let change: @Sendable (inout QCOW2Builder) -> Void
        init(_ name: String, _ reason: ImageRefusal.Reason, _ change: @escaping @Sendable (inout QCOW2Builder) -> Void) {
            testDescription = name
            self.reason = reason
            self.change = change
        }
    }

    static let hostile = [
        Case("version 1", .unsupportedVersion) { $0.version = 1 },
        Case("version 4", .unsupportedVersion) { $0.version = 4 },
        Case("backing file", .backingFile) {
            $0.backingOffset = 0x200; $0.backingLength = 11; $0.backingName = "/etc/passwd"
        },
        Case("backing file, version 2", .backingFile) {
            $0.version = 2; $0.backingOffset = 0x200; $0.backingLength = 4
        },
        Case("backing file far away", .backingFile) {
            $0.backingOffset = .max; $0.backingLength = .max
        },
        Case("backing length without offset", .backingFile) { $0.backingLength = 5 },
        Case("data file bit", .dataFile) { $0.incompatible = 1 << 2 },
        Case("raw data file bit", .dataFile) { $0.autoclear = 2 },
        Case("data file name", .dataFile) { $0.extensions = [(0x4441_5441, Array("/dev/sda".utf8))] },
        Case("data file name, version 2", .dataFile) {
            $0.version = 2; $0.extensions = [(0x4441_5441, Array("/dev/sda".utf8))]
        },
        Case("data file name behind another extension", .dataFile) { $0.extensions = [(9, [1]), (0x4441_5441, [47])] },
        Case("encryption AES", .encrypted) { $0.encryption = 1 },
        Case("encryption LUKS", .encrypted) { $0.encryption = 2 },
        Case("encryption 3", .malformed) { $0.encryption = 3 },
        Case("encryption header alone", .encrypted) { $0.extensions = [(0x0537_be77, [UInt8](repeating: 0, count: 16))] },
        Case("unknown feature", .unknownFeature) { $0.incompatible = 1 << 5 },
        Case("unknown feature, last bit", .unknownFeature) { $0.incompatible = 1 << 63 },
        Case("corrupt", .corrupt) { $0.incompatible = 2 },
        Case("cluster bits 8", .malformed) { $0.clusterBits = 8 },
        Case("cluster bits 22", .malformed) { $0.clusterBits = 22 },
        Case("cluster bits 2^32 - 1", .malformed) { $0.clusterBits = .max },
        Case("size 0", .malformed) { $0.size = 0 },
        Case("size 1", .malformed) { $0.size = 1 },
        Case("size beyond the limit", .tooLarge) {
            $0.size = (64 << 40) + 512; $0.l1Entries = 1 << 20
        },
        Case("size 2^64 - 1", .tooLarge) { $0.size = .max },
        Case("L1 too small", .malformed) { $0.l1Entries = 1 },
        Case("L1 too large", .malformed) { $0.l1Entries = (4 << 20) + 1 },
        Case("L1 2^32 - 1 entries", .malformed) { $0.l1Entries = .max },
        Case("L1 in the header", .malformed) { $0.l1Offset = 0 },
        Case("L1 not aligned", .malformed) { $0.l1Offset = 0x30008 },
        Case("L1 beyond 2^63", .malformed) { $0.l1Offset = 0xffff_ffff_ffff_0000 },
        Case("L1 beyond the end", .truncated) { $0.l1Offset = 0x7fff_ffff_ffff_0000 },
        Case("L1 reaching over the end", .truncated) { $0.l1Entries = 10_000 },
        Case("no refcount table", .malformed) { $0.refcountClusters = 0 },
        Case("refcount table too large", .malformed) { $0.refcountClusters = 129 },
        Case("refcount table 2^32 - 1", .malformed) { $0.refcountClusters = .max },
        Case("refcount table in the header", .malformed) { $0.refcountOffset = 0 },
        Case("refcount table beyond the end", .truncated) { $0.refcountOffset = 0x10_0000 },
        Case("refcounts too wide", .malformed) { $0.refcountOrder = 7 },
        Case("snapshots too many", .malformed) {
            $0.snapshots = 65_537; $0.snapshotsOffset = 0x30000
        },
        Case("snapshots nowhere", .malformed) { $0.snapshots = 1 },
        Case("snapshots beyond the end", .truncated) {
            $0.snapshots = 60_000; $0.snapshotsOffset = 0x30000
        },
        Case("header too short", .malformed) { $0.headerLength = 72 },
        Case("header not of eights", .malformed) { $0.headerLength = 105 },
        Case("header too long", .malformed) { $0.headerLength = 0x10008 },
        Case("header 2^32 - 1", .malformed) { $0.headerLength = .max },
        Case("compression without its bit", .malformed) {
            $0.headerLength = 112; $0.more = [1, 0, 0, 0, 0, 0, 0, 0]
        },
        Case("compression bit without type", .malformed) { $0.incompatible = 1 << 3 },
        Case("unknown compression", .unknownFeature) {
            $0.incompatible = 8; $0.headerLength = 112; $0.more = [2, 0, 0, 0, 0, 0, 0, 0]
        },
        Case("extended L2, small clusters", .malformed) { builder in
            builder.incompatible = 1 << 4
            builder.clusterBits = 12
            builder.l1Entries = 1024
        },
        Case("bitmaps of a wrong length", .malformed) { $0.extensions = [(0x2385_2875, [1, 2, 3])] },
        Case("bitmap directory absurd", .malformed) { $0.extensions = [(0x2385_2875, [UInt8](repeating: 0xff, count: 24))] },
        Case("too many extensions", .malformed) { $0.extensions = (0..<65).map { _ in (7, []) } },
    ]

    @Test(arguments: hostile) func refuses(_ hostile: Case) throws {
        let bytes = image { hostile.change(&$0) }
        for stated in [nil, ImageFormat.qcow2] {
            #expect(try reason(bytes, stated: stated).reason == hostile.reason)
        }
        // Stated as raw it is refused whatever it says.
        #expect(try reason(bytes, stated: .raw).reason == .hiddenFormat)
    }

    @Test func anExtensionOverTheFirstClusterIsRefused() throws {
        var bytes = image { $0.extensions = [(9, [])] }
        bytes.replaceSubrange(108..<112, with: [0xff, 0xff, 0xff, 0xff])
        #expect(try reason(bytes).reason == .malformed)
        bytes.replaceSubrange(108..<112, with: QCOW2Builder.bigEndian(UInt32(0x10000 - 112)))
        #expect(try inspect(bytes).format == .qcow2)
        bytes.replaceSubrange(108..<112, with: QCOW2Builder.bigEndian(UInt32(0x10000 - 111)))
        #expect(try reason(bytes).reason == .malformed)
    }

    @Test func refusalsNameWhatIsWrong() throws {
        let backing = image { builder in
            builder.backingOffset = 0x200
            builder.backingLength = 17
            builder.backingName = "/etc/\"x\u{1b}]0;passwd"
        }
        #expect(try reason(backing).detail.contains("(\"/etc/?x?]0;passwd\")"))
        let feature = image { builder in
            builder.incompatible = 1 << 7 | 1 << 9
            builder.extensions = [QCOW2Builder.featureNames([(1, 9, "not this"), (0, 7, "time travel"), (0, 200, "no bit")])]
        }
        #expect(try reason(feature).detail.contains("the feature \"time travel\" (bit 7) and the incompatible feature bit 9"))
    }

    @Test func everyTruncationIsRefused() throws {
        let bytes = image { builder in
            builder.headerLength = 112
            builder.more = [UInt8](repeating: 0, count: 8)
            builder.extensions = [QCOW2Builder.featureNames([(0, 0, "dirty bit")]), (0x77, [1, 2, 3, 4, 5])]
        }
        for length in Array(1..<400) + [511, 512, 0x10000, 0x20000, 0x2ffff, 0x30000] {
            #expect(try reason(Array(bytes.prefix(length)), stated: .qcow2).reason == (length < 4 ? .wrongFormat : .truncated), "\(length)")
        }
        #expect(try inspect(Array(bytes.prefix(0x30010))).format == .qcow2)
        #expect(try reason([]).reason == .empty)
        #expect(try reason([], stated: .raw).reason == .empty)
    }

    @Test func anAnnouncedLengthIsHeldTo() throws {
        let bytes = image()
        #expect(throws: ImageRefusal.self) { try inspect(bytes, expected: Int64(bytes.count + 1)) }
        #expect(throws: ImageRefusal.self) { try inspect(bytes, expected: Int64(bytes.count - 1)) }
        // Known to be too short before it has all arrived.
        var inspector = ImageInspector(stated: nil, expectedBytes: 0x20000)
        #expect(throws: ImageRefusal.self) { try inspector.feed(Array(bytes.prefix(4096))) }
        var raw = ImageInspector(stated: .raw, expectedBytes: (64 << 40) + 1)
        #expect(throws: ImageRefusal.self) { try raw.feed([UInt8](repeating: 0, count: 4096)) }
    }

    @Test func theFormatIsKnownWhileTheRestArrives() throws {
        let bytes = image()
        var inspector = ImageInspector(stated: nil)
        #expect(try inspector.feed(Array(bytes.prefix(511))) == [])
        #expect(inspector.format == nil && inspector.virtualBytes == nil)
        #expect(try inspector.feed(Array(bytes[511..<600])).count == 600)
        #expect(inspector.format == .qcow2 && inspector.virtualBytes == 1 << 30)
        #expect(try inspector.feed([1, 2, 3]) == [1, 2, 3])
        var raw = ImageInspector(stated: nil, expectedBytes: 1 << 20)
        _ = try raw.feed([UInt8](repeating: 0, count: 1024))
        #expect(raw.format == .raw && raw.virtualBytes == 1 << 20)
    }

    @Test func holdsBackAtMostTheFirstCluster() throws {
        // The only extension fills the whole first cluster of 2 MiB.
        let bytes = image { builder in
            builder.clusterBits = 21
            builder.refcountOffset = 1 << 21
            builder.l1Offset = 2 << 21
            builder.extensions = [(9, [UInt8](repeating: 1, count: (1 << 21) - 112))]
            builder.fileBytes = 5 << 21
        }
        var inspector = ImageInspector(stated: nil)
        var held = 0
        var released = 0
        for start in stride(from: 0, to: bytes.count, by: 4096) {
            let out = try inspector.feed(Array(bytes[start..<start + 4096]))
            released += out.count
            held = max(held, start + 4096 - released)
        }
        #expect(held < 2 << 20)
        #expect(try inspector.finish().report.format == .qcow2)
    }

    @Test(arguments: [1, 100, 511, 512, 513, 100_000]) func takesRawOfAnyLength(_ count: Int) throws {
        for stated in [nil, ImageFormat.raw] {
            for pieces in [1000, 7] {
                let report = try inspect([UInt8](repeating: 0x55, count: count), stated: stated, pieces: pieces)
                #expect(report == ImageReport(format: .raw, virtualBytes: Int64(count), fileBytes: Int64(count), qcow2: nil))
            }
        }
    }

    @Test func anISOImageIsRaw() throws {
        var bytes = [UInt8](repeating: 0, count: 0x9000)
        bytes.replaceSubrange(0x8001..<0x8006, with: Array("CD001".utf8))
        #expect(try inspect(bytes).format == .raw)
    }

    @Test func aRawImageHasALimit() throws {
        var limits = ImageLimits()
        limits.virtualBytes = 4096
        #expect(try inspect([UInt8](repeating: 0, count: 4096), stated: .raw, limits: limits).virtualBytes == 4096)
        #expect(try reason([UInt8](repeating: 0, count: 4097), stated: .raw, limits: limits).reason == .tooLarge)
    }

    static let foreign: [(String, Int, [UInt8], Bool)] = [
        ("VMDK", 0, Array("KDMV".utf8) + [1, 0, 0, 0], true), ("VMDK", 0, Array("COWD".utf8), true),
        ("VMDK", 0, Array("# Disk DescriptorFile\nversion=1\n".utf8), true), ("QED", 0, Array("QED\0".utf8), true),
        ("LUKS", 0, Array("LUKS".utf8) + [0xba, 0xbe, 0, 1], true), ("COW", 0, Array("OOOM".utf8), true),
        ("VDI", 64, [0x7f, 0x10, 0xda, 0xbe], false), ("VHD", 0, Array("conectix".utf8), false), ("VHDX", 0, Array("vhdxfile".utf8), false),
        ("Parallels", 0, Array("WithoutFreeSpace".utf8), false),
        ("ZIP", 0, Array("PK\u{3}\u{4}".utf8), false),
        ("tar", 257, Array("ustar".utf8), false), ("VHD", 9728, Array("conectix".utf8), false), ("DMG", 9728, Array("koly".utf8), false),
    ]

    @Test(arguments: foreign) func foreignFormatsAreNamed(_ name: String, _ offset: Int, _ magic: [UInt8], _ isDangerous: Bool) throws {
        var bytes = [UInt8](repeating: 0, count: 10_240)
        bytes.replaceSubrange(offset..<offset + magic.count, with: magic)
        for pieces in [65_536, 100] {
            let refusal = try #require(throws: ImageRefusal.self) { try inspect(bytes, pieces: pieces) }
            #expect(refusal.reason == .foreignFormat)
            #expect(refusal.detail.contains(name))
        }
        let stated = try reason(bytes, stated: .qcow2)
        #expect(stated.reason == .wrongFormat)
        if isDangerous {
            #expect(try reason(bytes, stated: .raw).reason == .hiddenFormat)
        } else {
            #expect(try inspect(bytes, stated: .raw).format == .raw)
        }
    }

    /// Whatever is changed in a header: an answer, never a trap; and what is accepted has no other file and no key.
    @Test func survivesDamagedHeaders() throws {
        var state: UInt64 = 99
        func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 33
        }
        let base = image { $0.extensions = [QCOW2Builder.featureNames([(0, 0, "dirty bit")])] }
        var accepted = 0
        for _ in 0..<20_000 {
            var bytes = Array(base.prefix(1024))
            for _ in 0...(next() % 4) { bytes[Int(next() % 200)] = [0, 1, 0x7f, 0x80, 0xff, UInt8(next() & 255)][Int(next() % 6)] }
            var inspector = ImageInspector(stated: nil)
            guard (try? inspector.feed(bytes)) != nil, inspector.format == .qcow2 else { continue }
            accepted += 1
            #expect(bytes[8..<20].allSatisfy { $0 == 0 })
            #expect(bytes[32..<36].allSatisfy { $0 == 0 })
            #expect(bytes[79] & 6 == 0 || bytes[7] == 2)
        }
        #expect(accepted > 100)
    }
}
