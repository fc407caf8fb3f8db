/// Why a blocking pool did not run something to its end.
package enum BlockingPoolError: Error, Equatable, Sendable {
    /// The queue of the named pool is full.
    case full(String)
    /// The call took longer than it may; it goes on in its thread.
    case deadline(String, Duration)
    /// The pool was closed.
    case closed
}
