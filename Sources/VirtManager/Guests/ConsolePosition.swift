internal import JSON

/// Where somebody stands who reads a console log from a beginning to its moving end.
///
/// A log is a file that is now and then renamed (`.0`, the youngest of the older parts, then `.1` …) and begun anew. Files of a
/// pool have no identity but their names, so a reader knows its place by the bytes before it.
struct ConsolePosition: Sendable, Equatable {
    /// Enough to tell places apart, little enough to be read each time.
    static let markBytes = 256

    /// Where it was last: 0 is the file that is being written, 1 is `.0`, and so on.
    var part = 0
    var offset: Int64 = 0
    /// What stands right before it; fewer than `markBytes` only near the beginning of a file.
    var mark: [UInt8] = []

    init() {}

    init(part: Int, offset: Int64, mark: [UInt8] = []) {
        self.part = part
        self.offset = offset
        self.mark = mark
    }

    mutating func advance(over bytes: some Collection<UInt8>, in part: Int) {
        self.part = part
        offset += Int64(bytes.count)
        mark = Array((mark + bytes.suffix(Self.markBytes)).suffix(Self.markBytes))
    }

    /// For keeping with a step of a job.
    var json: JSONValue {
        [
            "part": .integer(Int64(part)), "offset": .integer(offset),
            "mark": .array(mark.map { .integer(Int64($0)) }),
        ]
    }

    init?(json: JSONValue?) {
        guard let object = json?.objectValue, let part = object["part"]?.integerValue, (0...64).contains(part),
            let offset = object["offset"]?.integerValue, offset >= 0
        else { return nil }
        let mark = (object["mark"]?.arrayValue ?? []).compactMap { $0.integerValue.flatMap { UInt8(exactly: $0) } }
        self.init(part: Int(part), offset: offset, mark: mark)
    }
}
