package import Hypervisor

extension FakeHost {
    package func networks() async throws(HypervisorError) -> [NetworkObservation] {
        try await call(.networks) { state in state.networks.values.map(\.observation).sorted { $0.name < $1.name } }
    }

    package func leases(_ network: String) async throws(HypervisorError) -> [LeaseObservation] {
        try await call(.leases, network) { state throws(HypervisorError) in try state.leases(network) }
    }

    package func defineNetwork(_ spec: NetworkSpec) async throws(HypervisorError) {
        try await call(.defineNetwork, spec.name) { state throws(HypervisorError) in try state.defineNetwork(spec) }
    }

    package func startNetwork(_ name: String) async throws(HypervisorError) {
        try await call(.startNetwork, name) { state throws(HypervisorError) in try state.setNetwork(name, active: true) }
    }

    package func stopNetwork(_ name: String) async throws(HypervisorError) {
        try await call(.stopNetwork, name) { state throws(HypervisorError) in
            try state.setNetwork(name, active: false)
            if state.networks[name]?.observation.isPersistent == false { state.networks[name] = nil }
        }
    }

    package func undefineNetwork(_ name: String) async throws(HypervisorError) {
        try await call(.undefineNetwork, name) { state throws(HypervisorError) in try state.undefineNetwork(name) }
    }

    package func setNetworkAutostart(_ name: String, _ isOn: Bool) async throws(HypervisorError) {
        try await call(.setNetworkAutostart, name) { state throws(HypervisorError) in try state.setNetworkAutostart(name, isOn) }
    }

    package func reserve(_ reservation: DHCPReservation, on network: String) async throws(HypervisorError) {
        try await call(.reserve, network) { state throws(HypervisorError) in try state.reserve(reservation, on: network) }
    }

    package func release(mac: String, on network: String) async throws(HypervisorError) {
        try await call(.release, network) { state throws(HypervisorError) in try state.release(mac: mac, on: network) }
    }

    // MARK: Pools

    package func definePool(_ spec: PoolSpec) async throws(HypervisorError) {
        try await call(.definePool, spec.name) { state throws(HypervisorError) in try state.definePool(spec) }
    }

    package func startPool(_ name: String) async throws(HypervisorError) {
        try await call(.startPool, name) { state throws(HypervisorError) in try state.setPool(name, active: true) }
    }

    package func stopPool(_ name: String) async throws(HypervisorError) {
        try await call(.stopPool, name) { state throws(HypervisorError) in try state.setPool(name, active: false) }
    }

    package func undefinePool(_ name: String) async throws(HypervisorError) {
        try await call(.undefinePool, name) { state throws(HypervisorError) in try state.undefinePool(name) }
    }

    package func setPoolAutostart(_ name: String, _ isOn: Bool) async throws(HypervisorError) {
        try await call(.setPoolAutostart, name) { state throws(HypervisorError) in try state.setPoolAutostart(name, isOn) }
    }
}
