internal import HTTPServer
internal import Synchronization
internal import Telemetry

/// Counts and times of requests by route. Names come from the route table, never from the request: their number is bounded.
final class RequestFigures: Sendable {
    private final class Series: Sendable {
        let histogram: Histogram
        let counters = Mutex<[Int: Counter]>([:])
        init(_ histogram: Histogram) { self.histogram = histogram }
    }

    private let metrics: Metrics
    /// By the route's number.
    private let series: [Series]
    private let unmatched: Series
    private let protocolErrors: Counter

    init(_ metrics: Metrics, _ routes: [Route]) {
        self.metrics = metrics
        series = routes.map { Series(Self.histogram(metrics, $0.path, $0.method.rawValue)) }
        unmatched = Series(Self.histogram(metrics, "none", "none"))
        protocolErrors = metrics.counter(
            "gantry_http_protocol_errors_total", help: "Requests refused by the HTTP server itself.")
    }

    func count(_ error: HTTPProtocolError) { protocolErrors.add() }

    /// - Parameter route: nil for a path or method that is not there.
    func count(_ route: Route?, _ status: Int, _ time: Duration) {
        let series = route.flatMap { self.series.indices.contains($0.number) ? self.series[$0.number] : nil } ?? unmatched
        series.histogram.observe(time)
        let counter = series.counters.withLock { counters in
            if let counter = counters[status] { return counter }
            let counter = metrics.counter(
                "gantry_http_requests_total", help: "Requests answered.",
                labels: ["route": route?.path ?? "none", "method": route?.method.rawValue ?? "none", "status": String(status)])
            counters[status] = counter
            return counter
        }
        counter.add()
    }

    private static func histogram(_ metrics: Metrics, _ route: String, _ method: String) -> Histogram {
        metrics.histogram(
            "gantry_http_request_seconds", help: "Time from a request's head to its answer.",
            labels: ["route": route, "method": method])
    }
}
