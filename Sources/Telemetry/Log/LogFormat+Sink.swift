extension LogFormat {
    /// A sink of this format on standard error, or the journal.
    package func makeSink() -> any LogSink {
        switch resolved() {
        case .journal: JournalLogSink()
        case let format: LineLogSink(format: format)
        }
    }
}
