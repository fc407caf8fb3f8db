/// What can be set about a database.
package struct DatabaseOptions: Sendable {
    /// Connections for `read`, each with a thread.
    package var readers = 2
    /// Reads that may wait for a reader; one more fails at once.
    package var waitingReads = 1024
    /// A file larger than this is not checked at the start (`PRAGMA quick_check` reads all of it).
    package var checkedBytes = 256 << 20
    /// Upper bound of the file in pages of 4 KiB (PRAGMA max_page_count); nil: none.
    package var pageLimit: Int?
    /// Called on the writer's thread at each stage; throwing fails that batch. For tests.
    package var fault: @Sendable (CommitStage) throws -> Void = { _ in }

    package init() {}
}
