/// Amounts as libvirt's XML writes them: a number and a unit.
enum ByteUnits {
    /// Bytes in `element`, whose unit is `assumed` where it names none; nil if it is no number.
    static func read(_ element: XMLElement?, assumed: String) -> Int64? {
        guard let element, let number = Int64(element.text.trimmed) else { return nil }
        return number.multipliedClamping(by: factor(element.attribute("unit") ?? assumed))
    }

    /// virScaleInteger's words; an unknown one counts as bytes.
    static func factor(_ unit: String) -> Int64 {
        switch unit.lowercased() {
        case "kb": 1000
        case "k", "kib": 1 << 10
        case "mb": 1_000_000
        case "m", "mib": 1 << 20
        case "gb": 1_000_000_000
        case "g", "gib": 1 << 30
        case "tb": 1_000_000_000_000
        case "t", "tib": 1 << 40
        case "pb": 1_000_000_000_000_000
        case "p", "pib": 1 << 50
        case "eb": 1_000_000_000_000_000_000
        case "e", "eib": 1 << 60
        default: 1
        }
    }
}

extension String {
    /// Without white space at both ends.
    var trimmed: String {
        var rest = self[...]
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        while rest.last?.isWhitespace == true { rest.removeLast() }
        return String(rest)
    }
}
