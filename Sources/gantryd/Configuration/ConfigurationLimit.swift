/// A limit that `limits:` may set: its name, its value without the file, and what makes sense.
///
/// The name's end says the unit: `_bytes` also takes sizes such as `"2MiB"`, `_milliseconds` also durations such as `"30s"`.
struct ConfigurationLimit: Sendable {
    let name: String
    let value: Int
    let range: ClosedRange<Int>

    init(name: String, value: Int, range: ClosedRange<Int>) {
        self.name = name
        self.value = value
        self.range = range
    }

    var isSize: Bool { name.hasSuffix("_bytes") }
    var isTime: Bool { name.hasSuffix("_milliseconds") }
}
