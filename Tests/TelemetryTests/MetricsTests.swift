import Testing

@testable import Telemetry

@Suite struct MetricsTests {
    private func text(_ metrics: Metrics) -> String { String(decoding: metrics.text(), as: UTF8.self) }

    @Test func familiesAreWrittenInOrder() {
        let metrics = Metrics()
        metrics.counter("requests_total", help: "Requests\nanswered \\.", labels: ["method": "POST", "status": "201"]).add(2)
        metrics.counter("requests_total", help: "", labels: ["method": "GET", "status": "200"]).add()
        metrics.gauge("connections", help: "Open connections.").set(7)
        metrics.gauge("hosts", help: "Hosts.") { [.init(1, labels: ["state": "online"]), .init(0.5, labels: ["state": "a\"b\\\n"])] }
        #expect(
            text(metrics) == #"""
                # HELP connections Open connections.
                # TYPE connections gauge
                connections 7
                # HELP hosts Hosts.
                # TYPE hosts gauge
                hosts{state="online"} 1
                hosts{state="a\"b\\\n"} 0.5
                # HELP requests_total Requests\nanswered \\.
                # TYPE requests_total counter
                requests_total{method="GET",status="200"} 1
                requests_total{method="POST",status="201"} 2

                """#)
    }

    @Test func theSameNameAndLabelsAreTheSameObject() {
        let metrics = Metrics()
        let gauge = metrics.gauge("g", help: "")
        #expect(metrics.gauge("g", help: "") === gauge)
        gauge.set(5)
        gauge.add(2)
        gauge.subtract(3)
        #expect(gauge.value == 4)
        let counter = metrics.counter("c", help: "")
        counter.add(-5)
        counter.add(3)
        #expect(counter.value == 3)
    }

    @Test func aTakenNameOrTooManySeriesDoNoHarm() {
        let metrics = Metrics()
        _ = metrics.counter("x", help: "a")
        metrics.gauge("x", help: "b").set(9)
        #expect(text(metrics) == "# HELP x a\n# TYPE x counter\nx 0\n")
        for number in 0...Metrics.maximumSeries { metrics.counter("many", help: "", labels: ["n": "\(number)"]).add() }
        #expect(text(metrics).split(separator: "\n").filter { $0.hasPrefix("many{") }.count == Metrics.maximumSeries)
    }

    @Test func histogramsCountUpToTheirBounds() {
        let metrics = Metrics()
        let histogram = metrics.histogram("t_seconds", help: "T.", labels: ["k": "v"], bounds: [.milliseconds(10), .seconds(1)])
        for duration in [Duration.milliseconds(10), .milliseconds(11), .seconds(2)] { histogram.observe(duration) }
        #expect(
            text(metrics) == """
                # HELP t_seconds T.
                # TYPE t_seconds histogram
                t_seconds_bucket{k="v",le="0.01"} 1
                t_seconds_bucket{k="v",le="1"} 2
                t_seconds_bucket{k="v",le="+Inf"} 3
                t_seconds_sum{k="v"} 2.021
                t_seconds_count{k="v"} 3

                """)
    }

    @Test func oddNumbersHaveTheirNames() {
        let metrics = Metrics()
        metrics.counter("c", help: "") { [.init(.infinity), .init(-.infinity), .init(.nan), .init(1e300)] }
        #expect(text(metrics).hasSuffix("c +Inf\nc -Inf\nc NaN\nc 1e+300\n"))
    }

    @Test func manyThreadsLoseNothing() async {
        let metrics = Metrics()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask { @concurrent in
                    for number in 0..<2000 { metrics.counter("c", help: "", labels: ["n": "\(number % 5)"]).add() }
                }
            }
        }
        #expect(text(metrics).split(separator: "\n").filter { $0.hasPrefix("c{") }.allSatisfy { $0.hasSuffix(" 3200") })
    }
}
