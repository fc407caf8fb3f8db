internal import Synchronization

/// Keeps records for tests to look at.
package final class MemoryLogSink: LogSink {
    private let kept = Mutex<[LogRecord]>([])

    package init() {}

    package var records: [LogRecord] { kept.withLock { $0 } }

    package func write(_ record: LogRecord) { kept.withLock { $0.append(record) } }
}
