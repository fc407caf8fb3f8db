/// Replaces the moments that libarchive writes into an ISO 9660 image (when it was made, in the local time zone) by fixed ones.
///
/// Structures are those of ECMA-119 and of the System Use Sharing Protocol; what does not look like them is left alone.
enum ISODates {
    /// 1 January 2000, as directory records hold it: years since 1900, month, day, hour, minute, second, time zone.
    private static let short: [UInt8] = [100, 1, 1, 0, 0, 0, 0]
    /// The same, as volume descriptors hold it.
    private static let long: [UInt8] = Array("2000010100000000".utf8) + [0]
    private static let firstDescriptor = 16
    private static let terminator: UInt8 = 255

    static func fix(in image: inout [UInt8]) {
        var sector = firstDescriptor
        while let kind = descriptorKind(at: sector, in: image), kind != terminator {
            // Primary, and supplementary for Joliet names.
            if kind == 1 || kind == 2 { fixVolume(at: sector * ISOImage.sectorSize, in: &image) }
            sector += 1
        }
        // After the terminator libarchive writes when, by which version and with which options it made the image.
        let note = (sector + 1) * ISOImage.sectorSize
        if hasBytes(Array("INFO ".utf8), at: note, in: image) {
            replace(at: note, by: [UInt8](repeating: 0, count: ISOImage.sectorSize), in: &image)
        }
    }

    private static func descriptorKind(at sector: Int, in image: [UInt8]) -> UInt8? {
        let start = sector * ISOImage.sectorSize
        guard image.count >= start + ISOImage.sectorSize, hasBytes(Array("CD001".utf8), at: start + 1, in: image) else { return nil }
        return image[start]
    }

    private static func fixVolume(at start: Int, in image: inout [UInt8]) {
        let root = start + 156
        // Created, modified, valid from; the end of its validity (at 847) stays open.
        for offset in [813, 830, 864] { replace(at: start + offset, by: long, in: &image) }
        replace(at: root + 18, by: short, in: &image)
        guard let first = number(at: root + 2, in: image), let length = number(at: root + 10, in: image) else { return }
        fixDirectory(from: first * ISOImage.sectorSize, length: length, in: &image)
    }

    private static func fixDirectory(from start: Int, length: Int, in image: inout [UInt8]) {
        guard start <= image.count, length <= image.count - start else { return }
        var position = start
        while position < start + length {
            let size = Int(image[position])
            // A record never crosses a sector; the rest of that is zero.
            guard size > 0 else {
                position += ISOImage.sectorSize - position % ISOImage.sectorSize
                continue
            }
            guard size >= 34, size <= start + length - position else { return }
            replace(at: position + 18, by: short, in: &image)
            let nameLength = Int(image[position + 32])
            // Names are padded to an even position.
            fixTimestamps(from: position + 33 + nameLength + (nameLength + 1) % 2, to: position + size, in: &image)
            position += size
        }
    }

    /// Rock Ridge entries `TF`: a set of moments in the short form.
    private static func fixTimestamps(from start: Int, to end: Int, in image: inout [UInt8]) {
        var position = start
        while position + 4 <= end, end <= image.count {
            let size = Int(image[position + 2])
            guard size >= 4, position + size <= end else { return }
            if hasBytes(Array("TF".utf8), at: position, in: image), size >= 5, image[position + 4] & 0x80 == 0 {
                for moment in stride(from: position + 5, through: position + size - short.count, by: short.count) {
                    replace(at: moment, by: short, in: &image)
                }
            }
            position += size
        }
    }

    private static func hasBytes(_ bytes: [UInt8], at start: Int, in image: [UInt8]) -> Bool {
        image.count - start >= bytes.count && image[start..<start + bytes.count].elementsEqual(bytes)
    }

    private static func replace(at start: Int, by bytes: [UInt8], in image: inout [UInt8]) {
        guard start >= 0, image.count - start >= bytes.count else { return }
        image.replaceSubrange(start..<start + bytes.count, with: bytes)
    }

    /// Four bytes, little-endian (numbers are there in both byte orders, this one first).
    private static func number(at start: Int, in image: [UInt8]) -> Int? {
        guard start >= 0, image.count - start >= 4 else { return nil }
        return image[start..<start + 4].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
}
