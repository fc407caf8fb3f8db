package import JSON

/// A kind of job (`vm.create`): its steps, as data computed from its arguments alone, so that a restart sees the same ones.
package protocol JobKind: Sendable {
    /// `noun.verb`.
    var name: String { get }
    /// Whether a cancel may undo what was done. False: from the first act on, cancel is refused (`job.past_cancel`).
    var isUndoable: Bool { get }
    /// Whether a job of this kind takes the locks of one that needs attention (a user's stop or delete).
    var takesOver: Bool { get }
    func steps(_ arguments: JSONValue) throws(JobFailure) -> [JobStep]
    /// What the job answers once its steps are done.
    func result(_ context: StepContext) async throws -> JSONValue?
    /// Why a job that has done all its steps failed all the same, by its result, which stays; nil if it succeeded.
    func failure(of result: JSONValue?) -> JobFailure?
    /// For a job without a way back that was cancelled: ends what of its work goes on without it, and waits for that. Called
    /// before the job ends; again if the daemon died meanwhile.
    func cancelled(_ context: StepContext) async throws
}

extension JobKind {
    package var isUndoable: Bool { true }
    package var takesOver: Bool { false }
    package func result(_ context: StepContext) async throws -> JSONValue? { nil }
    package func failure(of result: JSONValue?) -> JobFailure? { nil }
    package func cancelled(_ context: StepContext) async throws {}
}
