/// Makes qcow2 headers byte by byte, right by default and wrong where a test says so.
struct QCOW2Builder {
    var magic: [UInt8] = [0x51, 0x46, 0x49, 0xfb]
    var version: UInt32 = 3
    var backingOffset: UInt64 = 0
    var backingLength: UInt32 = 0
    var clusterBits: UInt32 = 16
    var size: UInt64 = 1 << 30
    var encryption: UInt32 = 0
    var l1Entries: UInt32 = 2
    var l1Offset: UInt64 = 0x30000
    var refcountOffset: UInt64 = 0x10000
    var refcountClusters: UInt32 = 1
    var snapshots: UInt32 = 0
    var snapshotsOffset: UInt64 = 0
    var incompatible: UInt64 = 0
    var compatible: UInt64 = 0
    var autoclear: UInt64 = 0
    var refcountOrder: UInt32 = 4
    var headerLength: UInt32 = 104
    /// Bytes between offset 104 and `headerLength`.
    var more: [UInt8] = []
    var extensions: [(kind: UInt32, data: [UInt8])] = []
    /// Text put at `backingOffset`.
    var backingName = ""
    var fileBytes = 0x31000

    static func featureNames(_ names: [(kind: UInt8, bit: UInt8, name: String)]) -> (UInt32, [UInt8]) {
        let data = names.flatMap { entry -> [UInt8] in
            let name = Array(entry.name.utf8.prefix(46))
            return [entry.kind, entry.bit] + name + [UInt8](repeating: 0, count: 46 - name.count)
        }
        return (0x6803_f857, data)
    }

    static func bigEndian(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }

    func build() -> [UInt8] {
        var bytes = magic
        func put(_ value: some FixedWidthInteger) { bytes += Self.bigEndian(value) }
        put(version)
        put(backingOffset)
        put(backingLength)
        put(clusterBits)
        put(size)
        put(encryption)
        put(l1Entries)
        put(l1Offset)
        put(refcountOffset)
        put(refcountClusters)
        put(snapshots)
        put(snapshotsOffset)
        if version >= 3 {
            put(incompatible)
            put(compatible)
            put(autoclear)
            put(refcountOrder)
            put(headerLength)
            bytes += more
        }
        for entry in extensions {
            put(entry.kind)
            put(UInt32(entry.data.count))
            bytes += entry.data + [UInt8](repeating: 0, count: (8 - entry.data.count % 8) % 8)
        }
        if bytes.count < fileBytes { bytes += [UInt8](repeating: 0, count: fileBytes - bytes.count) }
        if !backingName.isEmpty, let at = Int(exactly: backingOffset), at + backingName.utf8.count <= bytes.count {
            bytes.replaceSubrange(at..<at + backingName.utf8.count, with: backingName.utf8)
        }
        return bytes
    }
}
