package import Platform
internal import Synchronization

/// The way of all records to one sink: a level that can be changed while the program runs, and a thread that writes.
///
/// Callers only append to a bounded queue, so a stalled journal or terminal never holds up a request. When the queue is
/// full, records are dropped and counted, and the count is logged once there is room again.
package final class LogOutput: Sendable {
    private struct State {
        var records: [LogRecord] = []
        var dropped = 0
        var isWriting = false
        var isClosed = false
    }

    private let threshold: Atomic<Int>
    private let capacity: Int
    private let monitor = Monitor(State())
    private let direct: (any LogSink)?

    /// Starts the writing thread, named `log`.
    package init(level: LogLevel, sink: any LogSink, capacity: Int = 4096) throws(SystemCallError) {
        threshold = Atomic(level.rawValue)
        self.capacity = capacity
        direct = nil
        try PosixThread.start(name: "log") { [monitor] in Self.work(monitor, sink) }
    }

    /// Writes at once on the caller's thread: for tests and for `discarding`.
    package init(level: LogLevel, direct sink: any LogSink) {
        threshold = Atomic(level.rawValue)
        capacity = 0
        direct = sink
    }

    deinit { close() }

    package static let discarding = LogOutput(threshold: LogLevel.error.rawValue + 1)

    private init(threshold: Int) {
        self.threshold = Atomic(threshold)
        capacity = 0
        direct = MemoryLogSink()
    }

    /// The lowest level that is written. May be set at any time.
    package var level: LogLevel {
        get { LogLevel(rawValue: threshold.load(ordering: .relaxed)) ?? .error }
        set { threshold.store(newValue.rawValue, ordering: .relaxed) }
    }

    func isEnabled(_ level: LogLevel) -> Bool { level.rawValue >= threshold.load(ordering: .relaxed) }

    func append(_ record: LogRecord) {
        if let direct { return direct.write(record) }
        monitor.withLock { state in
            if state.records.count < capacity, !state.isClosed { state.records.append(record) } else { state.dropped += 1 }
        }
        monitor.broadcast()
    }

    /// Waits until all that was appended is written, or `limit` has passed. True if all is out. Blocks: call it at the end.
    @discardableResult
    package func flush(within limit: Duration = .seconds(2)) -> Bool {
        direct != nil || monitor.wait(for: limit) { $0.records.isEmpty && !$0.isWriting ? true : nil } == true
    }

    /// Ends the thread once what is queued is written. Later records are dropped.
    package func close() {
        monitor.withLock { $0.isClosed = true }
        monitor.broadcast()
    }

    private static func work(_ monitor: Monitor<State>, _ sink: any LogSink) {
        while true {
            let batch: ([LogRecord], Int)? = monitor.wait { state -> ([LogRecord], Int)?? in
                if state.records.isEmpty, state.dropped == 0 || state.isClosed { return state.isClosed ? .some(nil) : nil }
                let batch = (state.records, state.dropped)
                state.records.removeAll(keepingCapacity: true)
                state.dropped = 0
                state.isWriting = true
                return batch
            }
            guard let (records, dropped) = batch else { return }
            for record in records { sink.write(record) }
            if dropped > 0 {
                sink.write(
                    LogRecord(
                        time: .now(), level: .warning, subsystem: "log", message: "log records dropped: the sink was too slow",
                        fields: [.init(name: "count", value: .integer(Int64(dropped)))]))
            }
            monitor.withLock { $0.isWriting = false }
            monitor.broadcast()
        }
    }
}
