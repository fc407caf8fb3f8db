/// Writes families in Prometheus' text exposition format.
struct MetricsWriter {
    private(set) var bytes: [UInt8] = []

    mutating func write(_ name: String, _ family: Metrics.Family) {
        line("# HELP \(name) \(Self.escape(family.help, quotes: false))")
        line("# TYPE \(name) \(family.kind)")
        for (labels, series) in family.series.sorted(by: { $0.key < $1.key }) {
            switch series {
            case .counter(let counter): sample(name, labels, String(counter.value))
            case .gauge(let gauge): sample(name, labels, String(gauge.value))
            case .histogram(let histogram): write(name, labels, histogram)
            case .callback(let read):
                for figure in read() { sample(name, Self.labels(figure.labels), Self.number(figure.value)) }
            }
        }
    }

    private mutating func write(_ name: String, _ labels: String, _ histogram: Histogram) {
        let state = histogram.current
        let separator = labels.isEmpty ? "" : ","
        var total = 0
        for (index, count) in state.counts.enumerated() {
            total += count
            let bound = index < histogram.bounds.count ? Self.number(Self.seconds(histogram.bounds[index])) : "+Inf"
            sample("\(name)_bucket", "\(labels)\(separator)le=\"\(bound)\"", String(total))
        }
        sample("\(name)_sum", labels, Self.number(Self.seconds(state.sum)))
        sample("\(name)_count", labels, String(total))
    }

    private mutating func sample(_ name: String, _ labels: String, _ value: String) {
        line(labels.isEmpty ? "\(name) \(value)" : "\(name){\(labels)} \(value)")
    }

    private mutating func line(_ text: String) {
        bytes.append(contentsOf: text.utf8)
        bytes.append(UInt8(ascii: "\n"))
    }

    /// `a="x",b="y"`, or nothing.
    static func labels(_ labels: Metrics.Labels) -> String {
        labels.map { "\($0.key)=\"\(escape($0.value, quotes: true))\"" }.joined(separator: ",")
    }

    private static func escape(_ text: String, quotes: Bool) -> String {
        var escaped: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): escaped.append(contentsOf: "\\\\".utf8)
            case UInt8(ascii: "\n"): escaped.append(contentsOf: "\\n".utf8)
            case UInt8(ascii: "\"") where quotes: escaped.append(contentsOf: "\\\"".utf8)
            default: escaped.append(byte)
            }
        }
        return String(decoding: escaped, as: UTF8.self)
    }

    private static func seconds(_ duration: Duration) -> Double { duration / .seconds(1) }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        if let whole = Int64(exactly: value) { return String(whole) }
        return value.description
    }
}
