internal import Hypervisor

/// Networks and pools that are made, changed and taken away.
extension FakeWorldState {
    func network(_ name: String) throws(HypervisorError) -> FakeNetwork {
        guard let network = networks[name] else { throw FakeError.noNetwork(name) }
        return network
    }

    private mutating func put(_ network: FakeNetwork) {
        networks[network.observation.name] = network
        raised.append(.network(network.observation.name))
    }

    mutating func defineNetwork(_ spec: NetworkSpec) throws(HypervisorError) {
        try require(.defineNetworks)
        let known = networks[spec.name]
        if let known, known.observation.uuid != spec.uuid { throw FakeError.networkExists(spec.name) }
        if networks.values.contains(where: { $0.observation.uuid == spec.uuid && $0.observation.name != spec.name }) {
            throw FakeError.networkExists(spec.name)
        }
        let seen = NetworkObservation(
            name: spec.name, uuid: spec.uuid, mode: spec.mode.rawValue, bridge: spec.bridge ?? "virbr\(networks.count)", cidr: spec.cidr,
            dhcp: spec.dhcp, reservations: spec.reservations, isActive: known?.observation.isActive ?? false,
            autostart: known?.observation.autostart ?? false)
        if var known, known.observation.isActive {
            known.next = seen
            put(known)
        } else {
            put(FakeNetwork(observation: seen))
        }
    }

    mutating func setNetwork(_ name: String, active: Bool) throws(HypervisorError) {
        var network = try network(name)
        guard network.observation.isActive != active else {
            throw FakeError.invalidState("network is \(active ? "already" : "not") active")
        }
        if active, let next = network.next { network.observation = next }
        network.next = nil
        network.observation.isActive = active
        if !active { network.leases = [:] }
        put(network)
    }

    mutating func undefineNetwork(_ name: String) throws(HypervisorError) {
        let network = try network(name)
        if network.observation.isActive {
            networks[name]?.observation.isPersistent = false
        } else {
            networks[name] = nil
        }
        raised.append(.network(name))
    }

    mutating func setNetworkAutostart(_ name: String, _ isOn: Bool) throws(HypervisorError) {
        var network = try network(name)
        network.observation.autostart = isOn
        network.next?.autostart = isOn
        put(network)
    }

    mutating func reserve(_ reservation: DHCPReservation, on name: String) throws(HypervisorError) {
        try require(.reservations)
        var network = try network(name)
        if network.observation.reservations.contains(where: { $0.address == reservation.address && $0.mac != reservation.mac }) {
            throw FakeError.addressKept(reservation.address)
        }
        network.observation.reservations.removeAll { $0.mac == reservation.mac }
        network.observation.reservations.append(reservation)
        network.next?.reservations = network.observation.reservations
        put(network)
    }

    mutating func release(mac: String, on name: String) throws(HypervisorError) {
        try require(.reservations)
        var network = try network(name)
        network.observation.reservations.removeAll { $0.mac == mac }
        network.next?.reservations.removeAll { $0.mac == mac }
        put(network)
    }

    // MARK: Pools

    func pool(_ name: String) throws(HypervisorError) -> FakePool {
        guard let pool = pools[name] else { throw FakeError.noPool(name) }
        return pool
    }

    mutating func definePool(_ spec: PoolSpec) throws(HypervisorError) {
        try require(.definePools)
        if let known = pools[spec.name], known.uuid != spec.uuid { throw FakeError.poolExists(spec.name) }
        if pools.values.contains(where: { $0.path == spec.path && $0.name != spec.name }) {
            throw FakeError.invalidArgument("Storage source conflict with pool: '\(spec.path)'")
        }
        guard pools[spec.name] == nil else { return }
        pools[spec.name] = FakePool(
            name: spec.name, path: spec.path, capacityBytes: 100 << 30, isActive: false, autostart: false, uuid: spec.uuid)
        raised.append(.pool(spec.name))
    }

    mutating func setPool(_ name: String, active: Bool) throws(HypervisorError) {
        var pool = try pool(name)
        guard pool.isActive != active else { throw FakeError.invalidState("pool is \(active ? "already" : "not") active") }
        pool.isActive = active
        pool.volumes = [:]
        pools[name] = pool
        raised.append(.pool(name))
        if active { try refreshPool(name) }
    }

    mutating func undefinePool(_ name: String) throws(HypervisorError) {
        guard try !pool(name).isActive else { throw FakeError.invalidState("storage pool '\(name)' is still active") }
        pools[name] = nil
        raised.append(.pool(name))
    }

    mutating func setPoolAutostart(_ name: String, _ isOn: Bool) throws(HypervisorError) {
        _ = try pool(name)
        pools[name]?.autostart = isOn
        raised.append(.pool(name))
    }
}
