/// An error that knows its form as the failure of a job.
package protocol JobFailureConvertible: Error {
    var jobFailure: JobFailure { get }
}
