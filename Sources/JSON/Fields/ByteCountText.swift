/// Sizes on the wire: `512MiB`, `2GiB`, `10GB`, or bytes without a unit.
package enum ByteCountText {
    private static let units: [(name: String, bytes: Int64)] = [
        ("", 1), ("B", 1), ("kB", 1000), ("KB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000),
        ("PB", 1_000_000_000_000_000), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40), ("PiB", 1 << 50),
    ]

    /// What is taken, for messages.
    package static let form = "bytes, or a whole number with KiB, MiB, GiB, TiB, kB, MB, GB or TB, such as \"2GiB\""

    /// Bytes; nil for anything else: fractions, signs, spaces, other units, more than 2^63 - 1.
    package static func parse(_ text: String) -> Int64? {
        guard let (count, unit) = UnitText.split(text), let factor = units.first(where: { $0.name == unit })?.bytes else { return nil }
        let (value, overflow) = count.multipliedReportingOverflow(by: factor)
        return overflow ? nil : value
    }
}
