/// A sparse file of a fake host: bytes that were never written read as zero.
struct FakeFile: Sendable, Equatable {
    private static let pageBytes: Int64 = 65_536

    private(set) var length: Int64
    /// Not sparse: it takes all its space from the start.
    var isPreallocated = false
    fileprivate var pages: [Int64: [UInt8]] = [:]

    init(length: Int64 = 0) { self.length = max(0, length) }

    init(bytes: [UInt8]) {
        self.init()
        write(bytes, at: 0)
    }

    /// An empty qcow2 image of version 3 with a true header: 196,616 bytes, as `qemu-img create` makes it.
    init(qcow2Capacity capacity: Int64, backingPath: String?) {
        self.init(length: 196_616)
        var header: [UInt8] = [0x51, 0x46, 0x49, 0xFB, 0, 0, 0, 3]
        let name = Array((backingPath ?? "").utf8)
        header += Self.bigEndian(name.isEmpty ? 0 : 512, count: 8) + Self.bigEndian(Int64(name.count), count: 4)
        header += Self.bigEndian(16, count: 4) + Self.bigEndian(capacity, count: 8)
        write(header, at: 0)
        if !name.isEmpty { write(name, at: 512) }
        // The tables that follow the header are allocated but of no interest.
        write([UInt8](repeating: 0, count: 131_080), at: 65_536)
    }

    /// What the file takes up on its disk, in blocks of 4 KiB.
    var allocated: Int64 {
        let most = (length + 4_095) / 4_096 * 4_096
        return isPreallocated ? most : min(most, Int64(pages.count) * Self.pageBytes)
    }

    /// Overwrites from `offset` on, and grows the file where needed.
    mutating func write(_ bytes: [UInt8], at offset: Int64) {
        guard offset >= 0, !bytes.isEmpty else { return }
        var done = 0
        while done < bytes.count {
            let position = offset + Int64(done)
            let inPage = Int(position % Self.pageBytes)
            let count = min(bytes.count - done, Int(Self.pageBytes) - inPage)
            let page = position / Self.pageBytes
            pages[page, default: [UInt8](repeating: 0, count: Int(Self.pageBytes))]
                .replaceSubrange(inPage..<inPage + count, with: bytes[done..<done + count])
            done += count
        }
        length = max(length, offset + Int64(bytes.count))
    }

    mutating func extend(to bytes: Int64) { length = max(length, bytes) }

    /// This file's header with the data of another behind it.
    func takingData(of other: FakeFile) -> FakeFile {
        var result = self
        let headerPages = Int64(4)
        for (number, page) in other.pages where number >= headerPages { result.pages[number] = page }
        result.length = max(length, other.length)
        return result
    }

    /// At most `count` bytes from `offset` on; fewer at the end of the file.
    func read(at offset: Int64, count: Int) -> [UInt8] {
        guard offset >= 0, offset < length, count > 0 else { return [] }
        var result: [UInt8] = []
        let end = min(length, offset + Int64(count))
        var position = offset
        while position < end {
            let inPage = Int(position % Self.pageBytes)
            let piece = Int(min(end - position, Self.pageBytes - Int64(inPage)))
            if let page = pages[position / Self.pageBytes] {
                result += page[inPage..<inPage + piece]
            } else {
                result += [UInt8](repeating: 0, count: piece)
            }
            position += Int64(piece)
        }
        return result
    }

    /// What a pool refresh finds in the header.
    struct Probe: Sendable, Equatable {
        var format: String
        var capacityBytes: Int64
        var backingPath: String?
    }

    func probe() -> Probe {
        let header = read(at: 0, count: 32)
        guard header.count == 32, header.starts(with: [0x51, 0x46, 0x49, 0xFB]) else {
            return Probe(format: "raw", capacityBytes: length)
        }
        let nameOffset = Self.number(header[8..<16])
        let nameLength = Self.number(header[16..<20])
        let name = nameOffset > 0 ? read(at: nameOffset, count: Int(min(nameLength, 1_023))) : []
        return Probe(
            format: "qcow2", capacityBytes: Self.number(header[24..<32]),
            backingPath: name.isEmpty ? nil : String(decoding: name, as: UTF8.self))
    }

    private static func bigEndian(_ value: Int64, count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> Int64((count - 1 - $0) * 8)) }
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> Int64 {
        Int64(truncatingIfNeeded: bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    }
}

extension FakeFile {
    /// 16 hexadecimal digits (FNV-1a) over the bytes that are not zero and where they lie.
    var digest: String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for (number, page) in pages.sorted(by: { $0.key < $1.key }) {
            page.withUnsafeBufferPointer { bytes in
                for index in bytes.indices where bytes[index] != 0 {
                    let position = UInt64(truncatingIfNeeded: number) << 16 | UInt64(index)
                    hash = ((hash ^ UInt64(bytes[index])) &* 0x100_0000_01b3 ^ position) &* 0x100_0000_01b3
                }
            }
        }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
