internal import Hypervisor
package import JSON
internal import JobQueue

extension NetworkService {
    // MARK: Making

    /// A new network. Every fault of the request is told at once; nothing changes on a refusal.
    package func create(_ body: JSONValue, _ mutation: Mutation) async throws -> Outcome<NetworkState> {
        let problems = ProblemList()
        let reader = ObjectReader(body, problems: problems)
        reader.ignore("type", "id", "reservations", "persistent", "stale")
        let name = reader.objectName("name", required: true)
        let host = hosts.forMaking(reader.string("host", maxLength: 128), pointer: "/host", problems: problems)
        if problems.isEmpty || host?.state.reach == .online { try host?.requireOnline() }
        if let host { try await look(host) }
        let others = host.map { hosts.fleet.networks($0.name) } ?? []
        // Of its own name it is a matter of the name.
        let beside = others.filter { $0.name != name }
        let spec = try self.spec(reader, name: name ?? "", beside: beside)
        let autostart = reader.bool("autostart") ?? true
        let start = (reader.value("start") == nil ? reader.bool("active") : reader.bool("start")) ?? true
        _ = reader.bool("active")
        reader.finish()
        guard problems.isEmpty, let host, let spec else { throw ServiceError.invalid(problems.items) }
        try await host.requireFeature(.defineNetworks)
        if others.contains(where: { $0.name == spec.name }) { throw ServiceError(NetworkSteps.taken(spec.name, on: host.name)) }
        let creation = NetworkCreation(host: host.name, spec: spec, autostart: autostart, start: start)
        return try await enqueue("network.create", creation.json, spec.name, host.name, mutation)
    }

    private func look(_ host: ManagedHost) async throws(ServiceError) {
        do { try await host.refreshNetworks() } catch { throw error.serviceError }
    }

    private func spec(_ reader: ObjectReader, name: String, beside: [NetworkObservation]) throws -> NetworkSpec? {
        let draft = NetworkDraft(reader: reader)
        let word = reader.choice("mode", NetworkDraft.modes, required: true)
        let bridge = draft.bridge()
        let subnet = draft.subnet()
        let server = draft.server()
        guard let mode = word.flatMap(NetworkSpec.Mode.init(rawValue:)) else { return nil }
        var spec = NetworkSpec(name: name, uuid: try MachinePlanner.freshID().text, mode: mode, bridge: bridge, cidr: nil, dhcp: nil)
        if mode == .bridge {
            if bridge == nil, !reader.isPresent("bridge") || reader.isNull("bridge") {
                reader.problem("bridge", "is required: the bridge of the host that guests are put on")
            }
            for field in ["cidr", "dhcp"] where reader.isPresent(field) && !reader.isNull(field) && reader.value(field) != false {
                reader.problem(field, "makes no sense in mode 'bridge': addresses come from the network that the bridge is on")
            }
            return spec
        }
        if let bridge, let other = beside.first(where: { $0.bridge == bridge }) {
            reader.problem("bridge", "is the bridge of network '\(other.name)'")
        }
        if let subnet {
            draft.refuseOverlap(subnet, with: beside)
            spec.cidr = subnet.description
            if let server { spec.dhcp = draft.range(server, in: subnet) }
        } else if !reader.isPresent("cidr") || reader.isNull("cidr") {
            if mode == .nat { reader.problem("cidr", "is required in mode 'nat'", allowed: [NetworkDraft.cidrForm]) }
            if case .range = server { reader.problem("dhcp", "needs a cidr") }
        }
        return spec
    }

    private func enqueue(
        _ kind: String, _ arguments: JSONValue, _ name: String, _ host: HostName, _ mutation: Mutation
    ) async throws -> Outcome<NetworkState> {
        if mutation.dryRun {
            return .plan(DryRun(steps: try desk.engine.kind(kind)?.steps(arguments).map(\.name) ?? []))
        }
        var locks = [LockRequest("host:\(host)", .shared), LockRequest("network:\(host)/\(name)", .exclusive)]
        // Which subnets are taken is settled by one job at a time.
        if kind != "network.delete" { locks.append(LockRequest("networks:\(host)", .exclusive)) }
        return .job(
            try await desk.enqueue(
                JobRequest(
                    id: try desk.newID(), kind: kind, arguments: arguments, resources: [NetworkState.path(name)], locks: locks,
                    reservations: kind == "network.create" ? ["network:\(host)/\(name)"] : [], host: host.text), mutation))
    }

    // MARK: Changing

    /// A merge patch of autostart, active, cidr and dhcp. What only answers have is taken if unchanged.
    package func update(_ network: NetworkState, patch: JSONValue, _ mutation: Mutation) async throws -> Outcome<NetworkState> {
        let managed = try hosts.require(network.host)
        try managed.requireOnline()
        try await look(managed)
        let network = try get(network.name, host: network.host.text)
        let problems = ProblemList()
        let reader = ObjectReader(patch, problems: problems)
        var change = NetworkChange(host: network.host, name: network.name, uuid: network.observation.uuid)
        change.autostart = reader.bool("autostart")
        change.active = reader.bool("active")
        change.addresses = addresses(reader, network)
        let readOnly = ReadOnlyFields(network, except: ["autostart", "active", "cidr", "dhcp"]).check(reader)
        if !network.observation.isPersistent, change.autostart == true {
            reader.problem("autostart", "a network without a definition cannot be started with its host")
        }
        reader.finish()
        guard problems.isEmpty else { throw readOnly.error(problems) }
        change.leaveOutWhatIsSo(network.observation)
        guard !change.isEmpty else { return mutation.dryRun ? .plan(DryRun()) : .unchanged(network) }
        try await managed.requireFeature(.defineNetworks)
        if change.stops {
            let running = NetworkUse(fleet: hosts.fleet, host: network.host).running(on: network.observation)
            guard running.isEmpty else {
                throw ServiceError(NetworkSteps.inUse(network.name, running.map(\.name), "must be stopped for that"))
            }
        }
        return try await enqueue("network.update", change.json, network.name, network.host, mutation)
    }

    private func addresses(_ reader: ObjectReader, _ network: NetworkState) -> NetworkChange.Addresses? {
        let draft = NetworkDraft(reader: reader)
        let seen = network.observation
        let given = draft.subnet()
        let server = draft.server()
        guard reader.isPresent("cidr") || reader.isPresent("dhcp") else { return nil }
        if given?.description == seen.cidr || reader.value("cidr") == nil || reader.isNull("cidr") && seen.cidr == nil {
            // GET and PATCH of the same, whatever the mode.
            if !reader.isPresent("dhcp") || reader.value("dhcp") == seen.dhcp?.json ?? .null { return nil }
        }
        guard ["nat", "isolated"].contains(seen.mode), seen.isPersistent else {
            for field in ["cidr", "dhcp"] where reader.isPresent(field) {
                reader.problem(field, "of a network of mode '\(seen.mode)' cannot be changed here")
            }
            return nil
        }
        if reader.isNull("cidr") {
            reader.problem("cidr", "cannot be taken away: delete the network and make another one", allowed: [NetworkDraft.cidrForm])
            return nil
        }
        guard let subnet = given ?? (reader.isPresent("cidr") ? nil : seen.cidr.flatMap { IPv4Subnet($0) }), let server else {
            if !reader.isPresent("cidr") { reader.problem("dhcp", "needs a network with an IPv4 cidr") }
            return nil
        }
        draft.refuseOverlap(subnet, with: hosts.fleet.networks(network.host).filter { $0.name != network.name })
        // While a machine runs on it that is in the way first of all.
        let isInUse = seen.isActive && !NetworkUse(fleet: hosts.fleet, host: network.host).running(on: seen).isEmpty
        for kept in isInUse ? [] : NetworkDraft.misfits(seen.reservations, in: subnet) {
            let owner = network.holders[kept.mac.lowercased()].map { " (VM '\($0)')" } ?? ""
            reader.problem("cidr", "\(kept.address) is kept for \(kept.mac)\(owner) and would not fit any more")
        }
        // A range that nobody mentions moves with its subnet, and stays where it fits.
        var range = draft.range(server, in: subnet)
        if server == .unsaid {
            let isSame = seen.cidr.flatMap { IPv4Subnet($0) } == subnet
            range = seen.dhcp == nil ? nil : isSame ? seen.dhcp : range
        }
        return NetworkChange.Addresses(cidr: subnet.description, dhcp: range)
    }

    // MARK: Deleting

    package func delete(_ name: String, host: String?, missingOK: Bool, _ mutation: Mutation) async throws -> Outcome<NetworkState> {
        let network: NetworkState
        do {
            network = try get(name, host: host)
        } catch {
            guard missingOK && error.code == "network.not_found" else { throw error }
            try hosts.requireAllListed(host)
            return .absent
        }
        let managed = try hosts.require(network.host)
        try managed.requireOnline()
        try await managed.requireFeature(.defineNetworks)
        let use = NetworkUse(fleet: hosts.fleet, host: network.host)
        let users = use.users(of: network.observation)
        guard users.isEmpty else {
            var error = ServiceError(NetworkSteps.inUse(name, users.map(\.name)))
            error.details["used_by"] = .array(users.map { .string($0.name) })
            if mutation.dryRun { return .plan(DryRun(refused: error)) }
            throw error
        }
        let target = NetworkChange(host: network.host, name: name, uuid: network.observation.uuid)
        return try await enqueue("network.delete", target.json, name, network.host, mutation)
    }
}
