internal import Synchronization

/// The figures of this process by name and labels, written in Prometheus' text format (version 0.0.4).
///
/// Asking again for the same name and labels gives the same object. A name that is taken by another kind, or one label set
/// more than `maximumSeries` under a name, gives an object that counts but is not shown: figures never stop the work.
package final class Metrics: Sendable {
    /// Label names and values in the order they are shown.
    package typealias Labels = KeyValuePairs<String, String>

    /// What a callback answers: one figure and its labels.
    package struct Sample: Sendable {
        package let labels: Labels
        package let value: Double

        package init(_ value: Double, labels: Labels = [:]) {
            self.labels = labels
            self.value = value
        }
    }

    enum Series: Sendable {
        case counter(Counter)
        case gauge(Gauge)
        case histogram(Histogram)
        case callback(@Sendable () -> [Sample])
    }

    struct Family: Sendable {
        let kind: String
        let help: String
        var series: [String: Series] = [:]
    }

    package static let maximumSeries = 1000
    private let families = Mutex<[String: Family]>([:])

    package init() {}

    package func counter(_ name: String, help: String, labels: Labels = [:]) -> Counter {
        let made = add(name, kind: "counter", help: help, labels: labels) { .counter(Counter()) }
        if case .counter(let counter)? = made { return counter }
        return Counter()
    }

    package func gauge(_ name: String, help: String, labels: Labels = [:]) -> Gauge {
        let made = add(name, kind: "gauge", help: help, labels: labels) { .gauge(Gauge()) }
        if case .gauge(let gauge)? = made { return gauge }
        return Gauge()
    }

    package func histogram(
        _ name: String, help: String, labels: Labels = [:], bounds: [Duration] = Histogram.defaultBounds
    ) -> Histogram {
        let made = add(name, kind: "histogram", help: help, labels: labels) { .histogram(Histogram(bounds: bounds)) }
        if case .histogram(let histogram)? = made { return histogram }
        return Histogram(bounds: bounds)
    }

    /// A gauge whose samples are asked for when the figures are read. `read` must be quick and must not block.
    package func gauge(_ name: String, help: String, read: @escaping @Sendable () -> [Sample]) {
        _ = add(name, kind: "gauge", help: help, labels: [:]) { .callback(read) }
    }

    /// As the gauge by callback, for a figure that is counted elsewhere and only grows.
    package func counter(_ name: String, help: String, read: @escaping @Sendable () -> [Sample]) {
        _ = add(name, kind: "counter", help: help, labels: [:]) { .callback(read) }
    }

    /// All figures as text, names and label sets in order.
    package func text() -> [UInt8] {
        // Callbacks run outside the lock: they may take locks of their own.
        let families = families.withLock { $0 }
        var writer = MetricsWriter()
        for (name, family) in families.sorted(by: { $0.key < $1.key }) { writer.write(name, family) }
        return writer.bytes
    }

    private func add(_ name: String, kind: String, help: String, labels: Labels, make: () -> Series) -> Series? {
        let key = MetricsWriter.labels(labels)
        return families.withLock { families in
            var family = families[name] ?? Family(kind: kind, help: help)
            guard family.kind == kind else { return nil }
            if let series = family.series[key] { return series }
            guard family.series.count < Self.maximumSeries else { return nil }
            let series = make()
            family.series[key] = series
            families[name] = family
            return series
        }
    }
}
