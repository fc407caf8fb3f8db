package import JSON

/// What a probe saw of a step's effect.
package enum StepObservation: Sendable, Equatable {
    case absent
    /// Begun and not whole: acting again brings it to its end.
    case partial
    /// The world is still at it by itself.
    case running
    /// The effect is there. The value is kept with the step and handed to later ones.
    case done(JSONValue?)
    /// Something of that name is there and is not ours: never touched.
    case foreign(String)
    /// The host does not answer; says its path for `blocked_by`.
    case unreachable(String)

    package static let done = StepObservation.done(nil)
}
