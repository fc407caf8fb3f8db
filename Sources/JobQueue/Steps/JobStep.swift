internal import JSON

/// One step of a job kind, declared as data: the engine's behaviour, the dry-run plan, the progress and the crash
/// cells all come from here.
package struct JobStep: Sendable {
    package enum Class: String, Sendable {
        /// Touches nothing outside the database, or only waits and looks.
        case pure
        /// Brings about a state; doing it twice is doing it once.
        case ensure
        /// Not repeatable, but its effect has a name by which it is found again.
        case probeable
    }

    package let name: String
    package let stepClass: Class
    /// Once this step is done the job goes forward only: a later failure leaves what was made.
    package let isPointOfNoReturn: Bool
    /// From its intent on the job is no longer cancelled, though the ones before it can be undone (a disk that was switched over).
    package let refusesCancel: Bool
    /// Gives the job's locks back before it begins (waiting for a guest must not keep others from stopping it).
    package let releasesLocks: Bool
    /// Looks at the world: is the effect there?
    package let probe: @Sendable (StepContext) async throws -> StepObservation
    /// Brings the effect about, from `absent` or `partial`.
    package let act: @Sendable (StepContext) async throws -> Void
    /// Takes the effect away. Runs only when the probe did not say `foreign`.
    package let undo: (@Sendable (StepContext) async throws -> Void)?

    package init(
        _ name: String, _ stepClass: Class, isPointOfNoReturn: Bool = false, refusesCancel: Bool = false, releasesLocks: Bool = false,
        probe: @escaping @Sendable (StepContext) async throws -> StepObservation,
        act: @escaping @Sendable (StepContext) async throws -> Void,
        undo: (@Sendable (StepContext) async throws -> Void)? = nil
    ) {
        self.name = name
        self.stepClass = stepClass
        self.isPointOfNoReturn = isPointOfNoReturn
        self.refusesCancel = refusesCancel
        self.releasesLocks = releasesLocks
        self.probe = probe
        self.act = act
        self.undo = undo
    }

    /// How many typed-transient failures a step may have before the job fails. Restarts never count.
    package var transientLimit: Int { stepClass == .probeable ? 3 : 10 }
}
