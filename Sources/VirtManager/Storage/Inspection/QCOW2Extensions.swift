/// Walks the header extensions of a qcow2 image: type, length, data padded to 8 bytes, until type 0 or the end of the first cluster.
struct QCOW2Extensions {
    private enum Kind {
        static let end: UInt32 = 0
        static let dataFileName: UInt32 = 0x4441_5441
        static let encryption: UInt32 = 0x0537_be77
        static let bitmaps: UInt32 = 0x2385_2875
        static let featureNames: UInt32 = 0x6803_f857
    }

    private static let featureNameBytes = 48
    private static let mostBitmaps = 65_535

    let head: HeaderBytes
    let start: Int
    let end: Int
    let limit: Int
    /// Names of incompatible features by bit, as the image itself calls them.
    private(set) var featureNames: [UInt8: String] = [:]
    private(set) var tables: [QCOW2Header.Table] = []

    init(head: HeaderBytes, start: Int, end: Int, limit: Int) {
        self.head = head
        self.start = start
        self.end = end
        self.limit = limit
    }

    /// nil when all were seen, else the bytes needed to go on.
    mutating func parse() throws(ImageRefusal) -> Int? {
        var offset = start
        var count = 0
        while end - offset >= 8 {
            guard let kind = head.uint32(offset), let length = head.uint32(offset + 4).map(Int.init) else { return offset + 8 }
            if kind == Kind.end { return nil }
            count += 1
            guard count <= limit else { throw malformed("there are more than \(limit) header extensions") }
            offset += 8
            guard length <= end - offset else { throw malformed("a header extension runs over the first cluster") }
            // Refused before their data arrives.
            if kind == Kind.dataFileName { throw QCOW2Parser.dataFile }
            if kind == Kind.encryption { throw QCOW2Parser.encrypted }
            guard let data = head.slice(offset, length) else { return offset + length }
            if kind == Kind.featureNames { readFeatureNames(data) }
            if kind == Kind.bitmaps { try readBitmaps(offset, length) }
            offset += (length + 7) / 8 * 8
        }
        return nil
    }

    /// For a message: `the feature "x" and the incompatible feature bit 9`.
    func names(of features: UInt64) -> String {
        (0..<64).filter { features & 1 << UInt64($0) != 0 }.prefix(8)
            .map { bit in featureNames[UInt8(bit)].map { "the feature \"\($0)\" (bit \(bit))" } ?? "the incompatible feature bit \(bit)" }
            .joined(separator: " and ")
    }

    /// Entries of type (0: incompatible), bit and name.
    private mutating func readFeatureNames(_ data: ArraySlice<UInt8>) {
        var rest = data
        while rest.count >= Self.featureNameBytes {
            let entry = Array(rest.prefix(Self.featureNameBytes))
            rest = rest.dropFirst(Self.featureNameBytes)
            if entry[0] == 0, entry[1] < 64 { featureNames[entry[1]] = HeaderBytes.printable(entry[2...]) }
        }
    }

    private mutating func readBitmaps(_ offset: Int, _ length: Int) throws(ImageRefusal) {
        guard length == 24, let count = head.uint32(offset), let bytes = head.uint64(offset + 8), let place = head.uint64(offset + 16)
        else {
            throw malformed("the bitmaps extension has a wrong length")
        }
        let cluster = UInt64(end)
        // A directory entry has at least 24 and at most 24 + 1023 bytes and its extra data, which QEMU does not take.
        guard count >= 1, count <= Self.mostBitmaps, bytes >= UInt64(count) * 24, bytes <= UInt64(count) * 1048, place >= cluster,
            place % cluster == 0, place <= UInt64(Int64.max)
        else { throw malformed("the bitmap directory is impossible") }
        tables.append(QCOW2Header.Table(name: "bitmap directory", offset: place, bytes: bytes))
    }

    private func malformed(_ what: String) -> ImageRefusal { ImageRefusal(.malformed, "the qcow2 header is malformed: \(what)") }
}
