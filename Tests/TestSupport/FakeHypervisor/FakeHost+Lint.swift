package import Hypervisor

extension FakeHost {
    package func lint(_ id: MachineID) async throws(HypervisorError) -> [String] {
        try await call(.lint, id.text) { state throws(HypervisorError) in
            _ = try state.machine(id)
            return state.lint[id] ?? []
        }
    }
}

extension FakeWorld {
    /// What a look at the machine's definition finds in it that is none of our making.
    package func setLint(_ id: MachineID, _ words: [String]) { withState { $0.lint[id] = words } }
}
