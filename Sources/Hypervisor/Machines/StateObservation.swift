/// What a machine is doing, and why, without a look at its definition.
package struct StateObservation: Sendable, Equatable {
    package var state: RunState
    /// As in `MachineObservation`.
    package var reason: String

    package init(state: RunState, reason: String) {
        self.state = state
        self.reason = reason
    }
}
