package import Hypervisor
internal import Platform
internal import Synchronization

/// One configured host: its connection, and the ways to bring the inventory up to date after touching it.
package final class ManagedHost: Sendable {
    package let name: HostName
    package let connection: any HostConnection
    let settings: HostSettings
    let fleet: Fleet
    /// What it said it can do, since it was connected last.
    private let learned = Mutex<HostCapabilities?>(nil)
    /// Machines whose agents were connected and did not answer when they were asked last.
    private let silent = Mutex<Set<MachineID>>([])
    /// Its driver cannot read the neighbour table: not asked again.
    let hidesNeighbours = Atomic<Bool>(false)

    package init(settings: HostSettings, connection: any HostConnection, fleet: Fleet) {
        name = settings.name
        self.settings = settings
        self.connection = connection
        self.fleet = fleet
    }

    package var path: String { "/v1/hosts/\(name)" }
    package var state: HostState { fleet.host(name) ?? HostState(settings) }

    /// Refuses what would need an answer from a host that is offline.
    func requireOnline() throws(ServiceError) {
        let state = state
        guard state.reach == .offline else { return }
        throw ServiceError(
            "host.offline", .temporary, "host '\(name)' is offline: \(state.reason)", isRetryable: true,
            hints: ["see GET \(path); the daemon reconnects by itself"], retryAfterSeconds: 2)
    }

    var knownCapabilities: HostCapabilities? { learned.withLock { $0 } }
    func keep(_ capabilities: HostCapabilities) { learned.withLock { $0 = capabilities } }

    var silentAgents: Set<MachineID> { silent.withLock { $0 } }
    func noteSilentAgent(of id: MachineID) { silent.withLock { _ = $0.insert(id) } }
    func forgetSilentAgents(of ids: Set<MachineID>) { silent.withLock { $0.subtract(ids) } }

    // MARK: Looking again

    /// Looks at one machine and shows it. Answers what was seen; nil if it is not there.
    @discardableResult
    package func refresh(_ id: MachineID) async throws(HypervisorError) -> MachineObservation? {
        let ticket = fleet.nextTicket()
        let seen = try await connection.machine(id)
        fleet.take(id, seen, on: name, ticket: ticket)
        if let seen { try await learnVolumes(of: seen) }
        return seen
    }

    /// Looks at what one machine is doing and shows it. A guest that was paused or goes on has nothing else that is new, and
    /// is known already; everything else is a whole look. Answers what was seen; nil if the machine is not there.
    func refreshState(_ id: MachineID) async throws(HypervisorError) -> MachineObservation? {
        guard var known = fleet.lastSeen(id, on: name), known.state.isActive else { return try await refresh(id) }
        let ticket = fleet.nextTicket()
        guard let seen = try await connection.state(of: id), seen.state.isActive else { return try await refresh(id) }
        fleet.take(state: seen, of: id, on: name, ticket: ticket)
        known.state = seen.state
        known.stateReason = seen.reason
        return known
    }

    /// Lists all machines, pools, networks and volumes anew. Answers the machines, helper machines among them.
    @discardableResult
    func refreshAll() async throws(HypervisorError) -> [MachineObservation] {
        fleet.take(pools: try await connection.pools(), on: name)
        fleet.take(networks: try await connection.networks(), on: name)
        for pool in fleet.pools(name) where pool.isActive { try await refresh(pool: pool.name) }
        let ticket = fleet.nextTicket()
        let machines = try await connection.machines()
        fleet.take(all: machines, on: name, ticket: ticket)
        return machines
    }

    /// Looks at everything that decides whether volumes of these pools may go. The inventory alone would not do: volumes of
    /// other tools come without an event, and files that no storage call made are seen only by a look at the directory.
    func refreshForDeletion(of pools: Set<String>) async throws(HypervisorError) {
        for pool in pools.sorted() { try await connection.refreshPool(pool) }
        try await refreshAll()
    }

    /// The same for the disks of one machine, which have names of ours: what may stand on them, without listing all machines.
    func refreshVolumes(of pools: Set<String>) async throws(HypervisorError) {
        for pool in pools.sorted() {
            try await connection.refreshPool(pool)
            try await refresh(pool: pool)
        }
    }

    /// Has the host count a pool's free space: between refreshes it only reckons with what went through its own storage calls,
    /// not with disks that guests fill. A pool that is busy keeps the figures it has.
    func refreshRoom(in pool: String) async throws(HypervisorError) {
        do {
            try await connection.refreshPool(pool)
        } catch {
            guard !error.isUncertain else { throw error }
        }
        try await refreshPools()
    }

    func refreshPools() async throws(HypervisorError) { fleet.take(pools: try await connection.pools(), on: name) }
    func refreshNetworks() async throws(HypervisorError) { fleet.take(networks: try await connection.networks(), on: name) }

    /// Lists a pool's volumes anew and answers them; a pool that went away meanwhile has none.
    @discardableResult
    func refresh(pool: String) async throws(HypervisorError) -> [VolumeObservation] {
        let ticket = fleet.nextTicket()
        do {
            let volumes = try await connection.volumes(in: pool)
            fleet.take(volumes: volumes, in: pool, on: name, ticket: ticket)
            return volumes
        } catch {
            guard error.code == .poolNotFound || error.code == .invalidState else { throw error }
            fleet.take(volumes: [], in: pool, on: name, ticket: ticket)
            throw error
        }
    }

    /// Looks at one volume and shows it.
    @discardableResult
    func refresh(_ reference: VolumeReference) async throws(HypervisorError) -> VolumeObservation? {
        let ticket = fleet.nextTicket()
        let seen = try await connection.volume(reference)
        fleet.take(volume: seen, reference, on: name, ticket: ticket)
        return seen
    }

    /// Disks on volumes that no listing showed yet.
    private func learnVolumes(of machine: MachineObservation) async throws(HypervisorError) {
        for disk in machine.hardware.disks {
            guard let reference = disk.volume ?? disk.path.flatMap({ fleet.volume(at: $0, on: name) }),
                fleet.lastSeen(reference, on: name) == nil
            else { continue }
            do { try await refresh(reference) } catch { guard !error.isUncertain else { throw error } }
        }
    }

    // MARK: Accelerators

    func learn(accelerators found: [Accelerator]) { fleet.update(name) { $0.accelerators = found } }

    /// What the host was seen to boot with, best first; waits for the trial to be over.
    func provenAccelerators() async throws -> [Accelerator] {
        while true {
            if let known = state.accelerators { return known }
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}
