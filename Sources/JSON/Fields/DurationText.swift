/// Times on the wire: `500ms`, `30s`, `5m`, `24h`, `7d`.
package enum DurationText {
    private static let units: [(name: String, milliseconds: Int64)] = [
        ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000),
    ]

    /// What is taken, for messages.
    package static let form = "a whole number with ms, s, m, h or d, such as \"30s\""

    /// nil for anything else: no unit, fractions, signs, spaces, more than 2^63 - 1 ms.
    package static func parse(_ text: String) -> Duration? {
        guard let (count, unit) = UnitText.split(text), let factor = units.first(where: { $0.name == unit })?.milliseconds else {
            return nil
        }
        let (value, overflow) = count.multipliedReportingOverflow(by: factor)
        return overflow ? nil : .milliseconds(value)
    }

    /// The text of a duration in the largest unit that divides it; fractions of a millisecond are cut off.
    package static func format(_ duration: Duration) -> String {
        let parts = duration.components
        let (whole, overflow) = parts.seconds.multipliedReportingOverflow(by: 1000)
        let (value, carry) = whole.addingReportingOverflow(parts.attoseconds / 1_000_000_000_000_000)
        if overflow || carry { return "\(parts.seconds)s" }
        if value == 0 { return "0s" }
        let unit = units.last { value % $0.milliseconds == 0 } ?? units[0]
        return "\(value / unit.milliseconds)\(unit.name)"
    }
}
