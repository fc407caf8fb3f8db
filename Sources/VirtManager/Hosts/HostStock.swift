internal import Hypervisor
internal import Platform

/// Everything seen on one host, with tickets that keep an older look from replacing a newer one.
struct HostStock: Sendable {
    var state: HostState
    var pools: [PoolObservation] = []
    var networks: [NetworkObservation] = []
    /// By pool, then name.
    var volumes: [String: [String: VolumeObservation]] = [:]
    var machines: [MachineID: MachineObservation] = [:]
    var tickets: [MachineID: UInt64] = [:]
    /// Of the last look at a state alone, where that was later than the last whole look.
    var stateTickets: [MachineID: UInt64] = [:]
    var volumeTickets: [VolumeReference: UInt64] = [:]
    /// Of the last listing of each pool.
    var listingTickets: [String: UInt64] = [:]
    var addresses: [MachineID: [ObservedAddress]] = [:]

    init(_ settings: HostSettings) { state = HostState(settings) }

    /// The volume that lies at `path`: by the pools' directories, so that a volume not listed yet has its name too. Pools of
    /// devices share theirs: what they list is theirs.
    func volume(at path: String) -> VolumeReference? {
        var best: (VolumeReference, Int)?
        for pool in pools {
            guard let root = pool.path, path.hasPrefix(root + "/") else { continue }
            let name = path.dropFirst(root.utf8.count + 1)
            guard !name.isEmpty, !name.contains("/"), root.utf8.count > best?.1 ?? -1 else { continue }
            guard PoolType.ownsItsPath(pool.type) || volumes[pool.name]?[String(name)]?.path == path else { continue }
            best = (VolumeReference(pool: pool.name, volume: String(name)), root.utf8.count)
        }
        return best?.0
    }

    /// What the networks' DHCP servers keep for the machine's cards, by MAC.
    func reservedAddresses(of machine: MachineObservation) -> [String: String] {
        machine.hardware.nics.reduce(into: [:]) { kept, nic in
            let network = nic.network.flatMap { name in networks.first { $0.name == name } }
            if let reservation = network?.reservations.first(where: { $0.mac == nic.mac }) { kept[nic.mac] = reservation.address }
        }
    }

    func observation(of reference: VolumeReference) -> VolumeObservation? { volumes[reference.pool]?[reference.volume] }

    /// Takes one look at one volume; false if a later look was taken before.
    mutating func take(_ volume: VolumeObservation?, _ reference: VolumeReference, ticket: UInt64) -> Bool {
        guard ticket > volumeTickets[reference] ?? 0, ticket > listingTickets[reference.pool] ?? 0 else { return false }
        volumeTickets[reference] = ticket
        volumes[reference.pool, default: [:]][reference.volume] = volume
        return true
    }

    /// Takes a pool's listing; what was looked at since it began stays as it was seen then.
    mutating func take(all listed: [VolumeObservation], in pool: String, ticket: UInt64) {
        guard ticket > listingTickets[pool] ?? 0 else { return }
        listingTickets[pool] = ticket
        var new = Dictionary(listed.map { ($0.reference.volume, $0) }, uniquingKeysWith: { first, _ in first })
        for (reference, later) in volumeTickets where reference.pool == pool && later > ticket {
            new[reference.volume] = volumes[pool]?[reference.volume]
        }
        volumeTickets = volumeTickets.filter { $0.key.pool != pool || $0.value > ticket }
        volumes[pool] = new
    }

    /// Takes one look at one machine; false if a later look was taken before.
    mutating func take(_ id: MachineID, _ observation: MachineObservation?, ticket: UInt64) -> Bool {
        guard ticket > tickets[id] ?? 0 else { return false }
        var observation = observation
        if let later = stateTickets[id], later > ticket {
            // It was active since. Where this look found it otherwise, the one that the change calls for is still to come.
            guard let shown = machines[id], observation?.state.isActive == true else { return false }
            observation?.state = shown.state
            observation?.stateReason = shown.stateReason
        } else {
            stateTickets[id] = nil
        }
        tickets[id] = ticket
        guard let observation, !observation.name.hasPrefix(helperMachinePrefix) else {
            addresses[id] = nil
            let wasThere = machines.removeValue(forKey: id) != nil
            return wasThere
        }
        if !observation.state.isActive { addresses[id] = nil }
        guard machines[id] != observation else { return false }
        machines[id] = observation
        return true
    }

    /// Takes a look at the state of an active machine alone; false if that changes nothing that is shown.
    mutating func take(state: StateObservation, of id: MachineID, ticket: UInt64) -> Bool {
        guard ticket > max(tickets[id] ?? 0, stateTickets[id] ?? 0), var machine = machines[id], machine.state.isActive else {
            return false
        }
        stateTickets[id] = ticket
        guard machine.state != state.state || machine.stateReason != state.reason else { return false }
        machine.state = state.state
        machine.stateReason = state.reason
        machines[id] = machine
        return true
    }

    /// Takes a whole listing; answers the ids that changed, came or went.
    mutating func take(all observations: [MachineObservation], ticket: UInt64) -> Set<MachineID> {
        var changed: Set<MachineID> = []
        var seen: Set<MachineID> = []
        for observation in observations {
            seen.insert(observation.id)
            if take(observation.id, observation, ticket: ticket) { changed.insert(observation.id) }
        }
        for id in machines.keys where !seen.contains(id) {
            if take(id, nil, ticket: ticket) { changed.insert(id) }
        }
        tickets = tickets.filter { machines[$0.key] != nil || $0.value >= ticket }
        stateTickets = stateTickets.filter { machines[$0.key] != nil }
        return changed
    }
}
