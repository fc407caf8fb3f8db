/// The attempt was taken over: whatever the old one knows is void, and it must write nothing more.
package struct StaleEpoch: Error {
    package let job: JobID
}
