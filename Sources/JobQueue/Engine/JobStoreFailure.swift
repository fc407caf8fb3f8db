/// The database refused to record something: nothing may be concluded or undone from that.
struct JobStoreFailure: Error {
    let cause: any Error
}
