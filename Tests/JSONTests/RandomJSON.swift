import JSON

/// Random values from a seed, so that a failure can be run again.
struct RandomJSON {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    mutating func below(_ limit: Int) -> Int { Int(next() % UInt64(limit)) }

    mutating func value(depth: Int = 0) -> JSONValue {
        switch below(depth < 5 ? 8 : 6) {
        case 0: return .null
        case 1: return .bool(next() & 1 == 0)
        case 2: return .integer(Int64(bitPattern: next()) >> Int64(below(64)))
        case 3:
            let number = Double(bitPattern: next())
            return .number(number.isFinite ? number : 0.5)
        case 4, 5: return .string(string())
        case 6: return .array((0..<below(5)).map { _ in value(depth: depth + 1) })
        default:
            var object = JSONObject()
            for _ in 0..<below(24) { object.set(string(), value(depth: depth + 1)) }
            return .object(object)
        }
    }

    mutating func string() -> String {
        var text = ""
        for _ in 0..<below(12) {
            let ranges: [ClosedRange<UInt32>] = [1...31, 32...126, 34...34, 92...92, 127...0x2030, 0x1f600...0x1f64f, 0xe000...0xffff]
            let range = ranges[below(ranges.count)]
            if let scalar = Unicode.Scalar(range.lowerBound + UInt32(below(range.count))) { text.unicodeScalars.append(scalar) }
        }
        return text
    }
}
