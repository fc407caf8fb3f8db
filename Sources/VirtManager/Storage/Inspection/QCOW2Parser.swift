/// Reads and checks a qcow2 header. Every number in it comes from a stranger.
struct QCOW2Parser {
    enum Outcome {
        /// Bytes from the start that are needed to go on; never more than 2 MiB.
        case needs(Int)
        case accepted(QCOW2Header)
    }

    /// Incompatible features (bits of the header field).
    private enum Feature {
        static let dirty: UInt64 = 1 << 0
        static let corrupt: UInt64 = 1 << 1
        static let dataFile: UInt64 = 1 << 2
        static let compressionType: UInt64 = 1 << 3
        static let extendedL2: UInt64 = 1 << 4
        static let known = dirty | corrupt | dataFile | compressionType | extendedL2
    }

    private static let version2Bytes = 72
    private static let version3Bytes = 104
    private static let rawDataFile: UInt64 = 1 << 1

    let head: HeaderBytes
    let limits: ImageLimits

    func parse() throws(ImageRefusal) -> Outcome {
        guard let version = head.uint32(4) else { return .needs(8) }
        guard version == 2 || version == 3 else {
            throw ImageRefusal(.unsupportedVersion, "qcow version \(version) is not taken: convert it to qcow2 (version 2 or 3)")
        }
        let fixed = version == 2 ? Self.version2Bytes : Self.version3Bytes
        guard head.count >= fixed else { return .needs(fixed) }
        guard let clusterBits = head.uint32(20), (9...21).contains(clusterBits) else {
            throw malformed("the cluster size is not from 512 bytes to 2 MiB")
        }
        let cluster = 1 << Int(clusterBits)
        try checkBackingFile()
        try checkEncryption()
        let features = version == 2 ? 0 : head.uint64(72) ?? 0
        if features & Feature.corrupt != 0 {
            throw ImageRefusal(.corrupt, "the image is marked as corrupt: repair it first (qemu-img check -r all)")
        }
        let autoclear = version == 2 ? 0 : head.uint64(88) ?? 0
        if features & Feature.dataFile != 0 || autoclear & Self.rawDataFile != 0 { throw Self.dataFile }

        let headerBytes = try headerLength(version, cluster)
        guard head.count >= headerBytes else { return .needs(headerBytes) }
        var extensions = QCOW2Extensions(head: head, start: headerBytes, end: cluster, limit: limits.extensions)
        if let needed = try extensions.parse() { return .needs(needed) }
        if features & ~Feature.known != 0 {
            throw ImageRefusal(.unknownFeature, "the image needs \(extensions.names(of: features & ~Feature.known)), unknown here")
        }
        let isZstandard = try compression(features, headerBytes)
        let hasExtendedL2 = features & Feature.extendedL2 != 0
        if hasExtendedL2, cluster < 1 << 14 { throw malformed("extended L2 entries need clusters of at least 16 KiB") }
        if version == 3, (head.uint32(96) ?? .max) > 6 { throw malformed("reference counts are wider than 64 bits") }

        let size = try virtualBytes()
        let tables = try self.tables(size, UInt64(cluster), hasExtendedL2) + extensions.tables
        return .accepted(
            QCOW2Header(
                version: Int(version), clusterBytes: Int64(cluster), virtualBytes: size, isDirty: features & Feature.dirty != 0,
                hasExtendedL2: hasExtendedL2, isZstandard: isZstandard, snapshots: Int(head.uint32(60) ?? 0), tables: tables))
    }

    static let dataFile = ImageRefusal(
        .dataFile, "the image keeps its data in another file: convert it to one file first (qemu-img convert -O qcow2)")
    static let encrypted = ImageRefusal(.encrypted, "the image is encrypted: decrypt it first (qemu-img convert)")

    private func checkBackingFile() throws(ImageRefusal) {
        guard let offset = head.uint64(8), let length = head.uint32(16), offset != 0 || length != 0 else { return }
        var name = ""
        if let start = Int(exactly: offset), length <= 1023, let bytes = head.slice(start, Int(length)) {
            name = " (\"\(HeaderBytes.printable(bytes))\")"
        }
        throw ImageRefusal(.backingFile, "the image has a backing file\(name): flatten it first (qemu-img convert -O qcow2)")
    }

    private func checkEncryption() throws(ImageRefusal) {
        switch head.uint32(32) {
        case 0: return
        case 1, 2: throw Self.encrypted
        default: throw malformed("the encryption method is unknown")
        }
    }

    private func headerLength(_ version: UInt32, _ cluster: Int) throws(ImageRefusal) -> Int {
        guard version == 3 else { return Self.version2Bytes }
        guard let length = head.uint32(100), length >= Self.version3Bytes, length % 8 == 0, length <= cluster else {
            throw malformed("the header's length is impossible")
        }
        return Int(length)
    }

    /// Whether clusters are compressed with Zstandard instead of zlib.
    private func compression(_ features: UInt64, _ headerBytes: Int) throws(ImageRefusal) -> Bool {
        let type = headerBytes > Self.version3Bytes ? head.byte(104) ?? 0 : 0
        guard (type != 0) == (features & Feature.compressionType != 0) else {
            throw malformed("the compression type contradicts the feature bits")
        }
        guard type <= 1 else { throw ImageRefusal(.unknownFeature, "the image needs compression type \(type), unknown here") }
        return type == 1
    }

    private func virtualBytes() throws(ImageRefusal) -> Int64 {
        guard let size = head.uint64(24), size > 0 else { throw malformed("the virtual size is 0") }
        guard size <= UInt64(limits.virtualBytes) else {
            throw ImageRefusal(.tooLarge, "the virtual size of \(size) bytes is beyond the limit of \(limits.virtualBytes)")
        }
        guard size % 512 == 0 else { throw malformed("the virtual size is not a multiple of 512") }
        return Int64(size)
    }

    private func tables(_ size: Int64, _ cluster: UInt64, _ hasExtendedL2: Bool) throws(ImageRefusal) -> [QCOW2Header.Table] {
        let l1Entries = UInt64(head.uint32(36) ?? 0)
        // One L1 entry stands for a cluster full of L2 entries. At most 2^21 * 2^18, so no overflow.
        let covered = cluster * (cluster / (hasExtendedL2 ? 16 : 8))
        let needed = (UInt64(size) + covered - 1) / covered
        guard l1Entries >= needed else { throw malformed("the L1 table is too small for the virtual size") }
        guard l1Entries * 8 <= limits.l1Bytes else { throw malformed("the L1 table is absurdly large") }
        let refcountBytes = UInt64(head.uint32(56) ?? 0) * cluster
        guard refcountBytes > 0 else { throw malformed("there is no refcount table") }
        guard refcountBytes <= limits.refcountTableBytes else { throw malformed("the refcount table is absurdly large") }
        let snapshots = UInt64(head.uint32(60) ?? 0)
        guard snapshots <= UInt64(limits.snapshots) else { throw malformed("the snapshot table is absurdly large") }

        var tables = [
            try table("L1 table", 40, l1Entries * 8, cluster),
            try table("refcount table", 48, refcountBytes, cluster),
        ]
        // An entry of the snapshot table has at least 40 bytes.
        if snapshots > 0 { tables.append(try table("snapshot table", 64, snapshots * 40, cluster)) }
        return tables
    }

    private func table(_ name: String, _ field: Int, _ bytes: UInt64, _ cluster: UInt64) throws(ImageRefusal) -> QCOW2Header.Table {
        guard let offset = head.uint64(field), offset >= cluster, offset % cluster == 0, offset <= UInt64(Int64.max) else {
            throw malformed("the \(name) lies at an impossible place")
        }
        return QCOW2Header.Table(name: name, offset: offset, bytes: bytes)
    }

    private func malformed(_ what: String) -> ImageRefusal { ImageRefusal(.malformed, "the qcow2 header is malformed: \(what)") }
}
