/// Decides, while an image streams in, what it is and whether it is harmless, before any other program opens it.
///
/// Taken are raw images and qcow2 images that stand alone. Bytes are held back (at most 2 MiB) until the header is judged:
/// what `feed` answers may be written on. After `finish` the rest of what the header claims is checked against the length.
/// The format is decided once: from what was stated, or from the header if nothing was.
package struct ImageInspector: Sendable {
    private let stated: ImageFormat?
    private let limits: ImageLimits
    private let expectedBytes: Int64?
    private var held: [UInt8] = []
    private var needed = ForeignFormat.headBytes
    private var tail: [UInt8] = []
    private var header: QCOW2Header?

    /// The format, once it is decided.
    package private(set) var format: ImageFormat?
    /// Bytes fed so far.
    package private(set) var fileBytes: Int64 = 0

    /// `expectedBytes`: the length of the content, if it was announced; the tables of a qcow2 image are then checked at once.
    package init(stated: ImageFormat?, expectedBytes: Int64? = nil, limits: ImageLimits = ImageLimits()) {
        self.stated = stated
        self.limits = limits
        self.expectedBytes = expectedBytes
    }

    /// The size a guest sees, as soon as it is known: with the header of a qcow2 image, or the announced length of a raw one.
    package var virtualBytes: Int64? {
        switch format {
        case .qcow2: header?.virtualBytes
        case .raw: expectedBytes
        case nil: nil
        }
    }

    /// Takes the next bytes and answers those that may be written: nothing until the header is judged, then all that were held.
    package mutating func feed(_ bytes: [UInt8]) throws(ImageRefusal) -> [UInt8] {
        let (sum, overflow) = fileBytes.addingReportingOverflow(Int64(bytes.count))
        guard !overflow else { throw ImageRefusal(.tooLarge, "the content is too long") }
        fileBytes = sum
        if let expectedBytes, sum > expectedBytes {
            throw ImageRefusal(.malformed, "the content is longer than the \(expectedBytes) bytes announced")
        }
        if stated == nil { keepTail(bytes) }
        guard format == nil else {
            try checkRawLength()
            return bytes
        }
        held += bytes
        guard held.count >= needed else { return [] }
        try judge(isWhole: false)
        return release()
    }

    /// Ends the content; answers what it is and, with `rest`, the bytes still held back of an image shorter than a sector.
    package mutating func finish() throws(ImageRefusal) -> (report: ImageReport, rest: [UInt8]) {
        guard fileBytes > 0 else { throw ImageRefusal(.empty, "the image is empty") }
        if let expectedBytes, fileBytes < expectedBytes {
            throw ImageRefusal(.truncated, "the content ends after \(fileBytes) of \(expectedBytes) bytes")
        }
        if format == nil { try judge(isWhole: true) }
        let rest = release()
        switch format {
        case .qcow2:
            guard let header else { throw Self.shortHeader }
            try header.checkTables(fileBytes: fileBytes)
            return (ImageReport(format: .qcow2, virtualBytes: header.virtualBytes, fileBytes: fileBytes, qcow2: header), rest)
        case .raw:
            if stated == nil, let foreign = ForeignFormat.detectTrailer(HeaderBytes(bytes: tail)) { throw Self.refusal(foreign) }
            return (ImageReport(format: .raw, virtualBytes: fileBytes, fileBytes: fileBytes, qcow2: nil), rest)
        case nil: throw Self.shortHeader
        }
    }

    /// Judges what is held; leaves `format` nil and raises `needed` if more is needed.
    private mutating func judge(isWhole: Bool) throws(ImageRefusal) {
        let head = HeaderBytes(bytes: held)
        let isQCOW = head.holds(ForeignFormat.qcowMagic, at: 0)
        let foreign = isQCOW ? nil : ForeignFormat.detect(head)
        if stated == .qcow2, !isQCOW {
            let seen = foreign.map { ", it looks like \($0.name)" } ?? ""
            throw ImageRefusal(.wrongFormat, "the content was stated as qcow2, but has no qcow2 header\(seen)")
        }
        if stated == .raw {
            if isQCOW { throw ImageRefusal(.hiddenFormat, "the content was stated as raw, but begins with a qcow2 header: state qcow2") }
            if let foreign, foreign.isDangerousAsRaw {
                throw ImageRefusal(.hiddenFormat, "the content was stated as raw, but is \(foreign.name): \(foreign.hint)")
            }
        } else if let foreign {
            throw Self.refusal(foreign)
        }
        guard isQCOW else {
            format = .raw
            if let expectedBytes, expectedBytes > limits.virtualBytes { throw tooLong(expectedBytes) }
            return try checkRawLength()
        }
        switch try QCOW2Parser(head: head, limits: limits).parse() {
        case .needs(let count):
            guard !isWhole else { throw Self.shortHeader }
            // More than is held in any case, so that each round gets further.
            needed = max(count, held.count + 1)
        case .accepted(let header):
            if let expectedBytes { try header.checkTables(fileBytes: expectedBytes) }
            self.header = header
            format = .qcow2
        }
    }

    private mutating func release() -> [UInt8] {
        guard format != nil else { return [] }
        defer { held = [] }
        return held
    }

    private mutating func keepTail(_ bytes: [UInt8]) {
        let count = ForeignFormat.trailerBytes
        tail = bytes.count >= count ? Array(bytes.suffix(count)) : Array((tail + bytes).suffix(count))
    }

    private func checkRawLength() throws(ImageRefusal) {
        if format == .raw, fileBytes > limits.virtualBytes { throw tooLong(fileBytes) }
    }

    private func tooLong(_ bytes: Int64) -> ImageRefusal {
        ImageRefusal(.tooLarge, "the image of \(bytes) bytes is beyond the limit of \(limits.virtualBytes)")
    }

    private static func refusal(_ foreign: ForeignFormat) -> ImageRefusal {
        ImageRefusal(.foreignFormat, "the content is \(foreign.name), only raw and qcow2 images are taken: \(foreign.hint)")
    }

    private static let shortHeader = ImageRefusal(.truncated, "the content ends within the qcow2 header")
}
