/// Where records go. `write` is called by one thread at a time.
package protocol LogSink: Sendable {
    func write(_ record: LogRecord)
}
