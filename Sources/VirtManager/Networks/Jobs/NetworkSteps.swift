internal import Hypervisor
internal import JSON
internal import JobQueue

/// The steps on a network that several job kinds share. Each brings about a state and may be repeated.
struct NetworkSteps {
    let world: JobWorld
    let host: HostName
    let name: String
    let uuid: String?

    private enum Sight {
        case absent
        case there(NetworkObservation)
        /// Of that name, with another UUID: somebody else's.
        case foreign

        var network: NetworkObservation? { if case .there(let network) = self { network } else { nil } }
    }

    private func look(_ host: ManagedHost) async throws -> Sight {
        try await host.refreshNetworks()
        guard let found = world.fleet.networks(host.name).first(where: { $0.name == name }) else { return .absent }
        if let uuid, let other = found.uuid, uuid != other { return .foreign }
        return .there(found)
    }

    /// A step whose effect shows in the network; `isSo` of nil: of one that is not there.
    private func step(
        _ step: String, _ stepClass: JobStep.Class = .ensure, foreignIsGone: Bool = false,
        isSo: @escaping @Sendable (NetworkObservation?) -> Bool,
        act: @escaping @Sendable (ManagedHost, NetworkObservation?) async throws -> Void,
        undo: (@Sendable (ManagedHost, NetworkObservation) async throws -> Void)? = nil
    ) -> JobStep {
        JobStep(
            step, stepClass,
            probe: { [world, host, name] _ in
                try await world.probe(host) { host in
                    let sight = try await look(host)
                    if case .foreign = sight, !foreignIsGone {
                        return .foreign("a network '\(name)' is on host '\(host.name)' that is not the one meant")
                    }
                    return isSo(sight.network) ? .done : .absent
                }
            },
            act: { [world, host, name] _ in
                let host = try world.host(host)
                let sight = try await look(host)
                if case .foreign = sight {
                    if foreignIsGone { return }
                    throw Self.taken(name, on: host.name)
                }
                if !isSo(sight.network) { try await act(host, sight.network) }
            },
            undo: undo.map { backwards($0) })
    }

    private func backwards(
        _ undo: @escaping @Sendable (ManagedHost, NetworkObservation) async throws -> Void
    ) -> @Sendable (StepContext) async throws -> Void {
        { [world, host] _ in
            let host = try world.host(host)
            if let found = try await look(host).network { try await undo(host, found) }
        }
    }

    // MARK: Making

    /// Fails if the name or the subnet is taken: under the lock of all networks, so that what `define` finds later is ours.
    func requireFree(_ spec: NetworkSpec) -> JobStep {
        JobStep(
            "check", .pure,
            probe: { [world, host, name] _ in
                try await world.probe(host) { host in
                    try await host.refreshNetworks()
                    let networks = world.fleet.networks(host.name)
                    if networks.contains(where: { $0.name == name && $0.uuid != spec.uuid }) { throw Self.taken(name, on: host.name) }
                    if let subnet = spec.cidr.flatMap({ IPv4Subnet($0) }),
                        let other = NetworkDraft.overlap(subnet, networks.filter { $0.name != name })
                    {
                        throw Self.overlaps(subnet, other, on: host.name)
                    }
                    return .done
                }
            },
            act: { _ in })
    }

    /// Fails if other addresses would not do any more: what was free at the request may have been given away since.
    func requireFit(_ addresses: NetworkChange.Addresses) -> JobStep {
        JobStep(
            "check", .pure,
            probe: { [world, host] _ in
                try await world.probe(host) { host in
                    guard let found = try await look(host).network else { throw gone() }
                    guard let subnet = IPv4Subnet(addresses.cidr), !addresses.isSo(found) else { return .done }
                    if let other = NetworkDraft.overlap(subnet, world.fleet.networks(host.name).filter { $0.name != name }) {
                        throw Self.overlaps(subnet, other, on: host.name)
                    }
                    if let kept = NetworkDraft.misfits(found.reservations, in: subnet).first {
                        throw JobFailure(
                            "network.address_kept", category: "conflict",
                            detail: "\(kept.address) is kept for \(kept.mac) and would not fit into \(subnet) any more",
                            hints: ["take that address away first, or choose another cidr"])
                    }
                    return .done
                }
            },
            act: { _ in })
    }

    private static func overlaps(_ subnet: IPv4Subnet, _ other: NetworkObservation, on host: HostName) -> JobFailure {
        JobFailure(
            "network.overlaps", category: "conflict",
            detail: "\(subnet) overlaps \(other.cidr ?? "") of network '\(other.name)' on host '\(host)'", hints: ["choose another cidr"])
    }

    func define(_ spec: NetworkSpec) -> JobStep {
        step(
            "define", .probeable, isSo: { $0 != nil },
            act: { host, _ in
                do {
                    try await host.connection.defineNetwork(spec)
                } catch let error as HypervisorError where error.code == .alreadyExists {
                    throw Self.taken(spec.name, on: host.name, error)
                }
            },
            undo: { host, found in
                if found.isActive { try await host.connection.stopNetwork(found.name) }
                try await host.connection.undefineNetwork(found.name)
            })
    }

    // MARK: Changing

    /// Writes other addresses into the definition of a network that is not running.
    func redefine(_ addresses: NetworkChange.Addresses, old: NetworkSpec?) -> JobStep {
        step(
            "define", isSo: { $0.map(addresses.isSo) ?? false },
            act: { host, found in
                guard let found else { throw gone() }
                guard var spec = NetworkSpec(found) else {
                    throw JobFailure(
                        "network.unsupported_mode", category: "unsupported",
                        detail: "the addresses of a network of mode '\(found.mode)' cannot be changed here")
                }
                spec.cidr = addresses.cidr
                spec.dhcp = addresses.dhcp
                try await host.connection.defineNetwork(spec)
            },
            undo: { host, found in
                // Its addresses alone: what is kept for cards may be more than it was when this was asked for.
                guard let old, var spec = NetworkSpec(found) else { return }
                spec.cidr = old.cidr
                spec.dhcp = old.dhcp
                try await host.connection.defineNetwork(spec)
            })
    }

    func start() -> JobStep {
        step(
            "start", isSo: { $0?.isActive ?? false },
            act: { host, found in
                guard found != nil else { throw gone() }
                try await host.connection.startNetwork(name)
            },
            undo: { host, found in if found.isActive { try await host.connection.stopNetwork(name) } })
    }

    /// Refused while a machine has a card on it. `restarts`: an undo starts it again.
    func stop(restarts: Bool) -> JobStep {
        let restart: @Sendable (ManagedHost, NetworkObservation) async throws -> Void = { host, found in
            if !found.isActive { try await host.connection.startNetwork(name) }
        }
        return step(
            "stop", isSo: { !($0?.isActive ?? false) },
            act: { host, found in
                guard let found else { return }
                // The inventory may be behind: cards come without an event of the network.
                try await host.refreshAll()
                let running = NetworkUse(fleet: world.fleet, host: host.name).running(on: found)
                guard running.isEmpty else { throw Self.inUse(name, running.map(\.name), "must be stopped for that") }
                try await host.connection.stopNetwork(name)
            },
            undo: restarts ? restart : nil)
    }

    func autostart(_ isOn: Bool, was: Bool) -> JobStep {
        step(
            "autostart", isSo: { $0?.autostart == isOn },
            act: { host, found in
                guard found != nil else { throw gone() }
                try await host.connection.setNetworkAutostart(name, isOn)
            },
            undo: { host, _ in try await host.connection.setNetworkAutostart(name, was) })
    }

    // MARK: Deleting

    /// Stops it if the host shows nobody who uses it, running or defined. Forward only.
    func stopUnused() -> JobStep {
        step(
            "stop", foreignIsGone: true, isSo: { !($0?.isActive ?? false) },
            act: { host, found in
                guard let found else { return }
                try await requireUnused(found, on: host)
                try await host.connection.stopNetwork(name)
            })
    }

    /// Takes the definition away, after another look. Forward only.
    func undefine() -> JobStep {
        step(
            "undefine", foreignIsGone: true, isSo: { $0 == nil },
            act: { host, found in
                guard let found else { return }
                try await requireUnused(found, on: host)
                // Somebody may have started it again meanwhile.
                if found.isActive { try await host.connection.stopNetwork(name) }
                if found.isPersistent { try await host.connection.undefineNetwork(name) }
            })
    }

    /// Asks the host: the inventory may be behind.
    private func requireUnused(_ network: NetworkObservation, on host: ManagedHost) async throws {
        try await host.refreshAll()
        let use = NetworkUse(fleet: world.fleet, host: host.name)
        let unreadable = use.unreadable.map { "\($0.name) (its definition cannot be read, so maybe)" }
        let users = use.users(of: network).map(\.name) + unreadable
        guard users.isEmpty else { throw Self.inUse(name, users) }
    }

    // MARK: Refusals

    private func gone() -> JobFailure {
        JobFailure("network.not_found", category: "not_found", detail: "network '\(name)' is not on host '\(host)' any more")
    }

    static func taken(_ name: String, on host: HostName, _ error: HypervisorError? = nil) -> JobFailure {
        var failure = JobFailure(
            "network.exists", category: "conflict", detail: "another network '\(name)' is on host '\(host)' already",
            hints: ["choose another name, or delete that network first"], native: error?.nativeJSON)
        failure.isForeign = true
        return failure
    }

    static func inUse(_ name: String, _ users: [String], _ what: String = "is deleted when nobody has a card on it") -> JobFailure {
        JobFailure(
            "network.in_use", category: "conflict",
            detail: "network '\(name)' is in use by \(users.map { "VM '\($0)'" }.joined(separator: ", ")) and \(what)",
            hints: ["put their cards on another network, or delete those VMs, first"])
    }
}
