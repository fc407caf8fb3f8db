/// Why a request did not become a job.
package enum EnqueueError: Error, Equatable, Sendable {
    /// A name it wants is being made by another job.
    case reserved(name: String, by: String)
    /// The key was used for something else.
    case keyReused(job: JobID)
    case unknownKind(String)
    /// The daemon is stopping.
    case draining
}
