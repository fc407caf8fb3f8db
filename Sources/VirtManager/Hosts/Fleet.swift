package import Hypervisor
package import JobQueue
internal import Platform
internal import Synchronization

/// The inventory: what all hosts show, kept by their monitors, read by everyone without a call to any host.
package final class Fleet: Sendable {
    private struct State {
        var stocks: [HostName: HostStock] = [:]
        var order: [HostName] = []
        var views: [HostName: [MachineID: MachineView]] = [:]
        var jobs: [MachineID: [JobID]] = [:]
        /// All of `views` by name, then host.
        var machines: [MachineView] = []
        var generation: UInt64 = 0
        /// Made when somebody reads, and let go before a change: then lists and tables change in place instead of being copied.
        var published: FleetView?
        var ticket: UInt64 = 0
    }
    private let state = Mutex(State())
    /// Volumes that are not whole yet.
    let unfinishedUploads = UnfinishedUploads()
    private let installation: String
    /// What is taken in, on its way to the timeline.
    let changes = FleetChanges()

    package init(installation: String, hosts: [HostSettings]) {
        self.installation = installation
        state.withLock { state in
            for host in hosts {
                state.stocks[host.name] = HostStock(host)
                state.order.append(host.name)
            }
        }
    }

    // MARK: Reading

    package var view: FleetView {
        state.withLock { state in
            if let published = state.published { return published }
            let view = FleetView(generation: state.generation, machines: state.machines)
            state.published = view
            return view
        }
    }
    /// The machines with that id: more than one only while one is on its way between hosts, or was copied by hand.
    package func machines(id: MachineID) -> [MachineView] {
        let found = state.withLock { state in state.order.compactMap { state.views[$0]?[id] } }
        return found.count < 2 ? found : found.sorted { $0.host < $1.host }
    }
    package func machines(name: String) -> [MachineView] {
        state.withLock { FleetView.machines(name: name, in: $0.machines) }
    }
    package var hosts: [HostState] { state.withLock { state in state.order.compactMap { state.stocks[$0]?.state } } }
    package func host(_ name: HostName) -> HostState? { state.withLock { $0.stocks[name]?.state } }
    package func pools(_ host: HostName) -> [PoolObservation] { state.withLock { $0.stocks[host]?.pools ?? [] } }
    package func networks(_ host: HostName) -> [NetworkObservation] { state.withLock { $0.stocks[host]?.networks ?? [] } }

    func volume(at path: String, on host: HostName) -> VolumeReference? { state.withLock { $0.stocks[host]?.volume(at: path) } }

    /// What was seen of a volume last, without asking the host.
    func lastSeen(_ reference: VolumeReference, on host: HostName) -> VolumeObservation? {
        state.withLock { $0.stocks[host]?.observation(of: reference) }
    }

    /// The machine as its host showed it last.
    func lastSeen(_ id: MachineID, on host: HostName) -> MachineObservation? { state.withLock { $0.stocks[host]?.machines[id] } }

    /// A machine's addresses with the times at which they were told last: a view keeps those of when they came.
    func addresses(of id: MachineID, on host: HostName) -> [ObservedAddress] { state.withLock { $0.stocks[host]?.addresses[id] ?? [] } }

    /// Volumes seen last in a pool.
    func volumes(in pool: String, on host: HostName) -> [VolumeObservation] {
        state.withLock { Array(($0.stocks[host]?.volumes[pool] ?? [:]).values) }
    }

    // MARK: Writing

    /// To be taken before looking at a host; orders looks that overlap.
    func nextTicket() -> UInt64 {
        state.withLock { state in
            state.ticket += 1
            return state.ticket
        }
    }

    func update(_ host: HostName, _ change: @Sendable (inout HostState) -> Void) {
        state.withLock { state in
            guard var stock = state.stocks[host] else { return }
            let wasStale = stock.state.isStale
            let was = (stock.state.reach, stock.state.isSettled)
            change(&stock.state)
            state.stocks[host] = stock
            if (stock.state.reach, stock.state.isSettled) != was { changes.note(.reach(host, stock.state.reach, stock.state.reason)) }
            if stock.state.isStale != wasStale { Self.rebuild(&state, host, Set(stock.machines.keys), installation) }
        }
    }

    func take(_ id: MachineID, _ observation: MachineObservation?, on host: HostName, ticket: UInt64) {
        state.withLock { state in
            guard state.stocks[host]?.take(id, observation, ticket: ticket) == true else { return }
            changes.noteMachine(host, id, state.stocks[host]?.machines[id])
            Self.rebuild(&state, host, [id], installation)
        }
    }

    /// Takes a look at the state of an active machine alone.
    func take(state seen: StateObservation, of id: MachineID, on host: HostName, ticket: UInt64) {
        state.withLock { state in
            guard state.stocks[host]?.take(state: seen, of: id, ticket: ticket) == true else { return }
            changes.noteMachine(host, id, state.stocks[host]?.machines[id])
            Self.rebuild(&state, host, [id], installation)
        }
    }

    func take(all machines: [MachineObservation], on host: HostName, ticket: UInt64) {
        state.withLock { state in
            guard let changed = state.stocks[host]?.take(all: machines, ticket: ticket) else { return }
            for id in changed.sorted() { changes.noteMachine(host, id, state.stocks[host]?.machines[id]) }
            if let stock = state.stocks[host], !stock.state.wasListed {
                changes.note(.listed(host, Set(stock.machines.keys)))
                state.stocks[host]?.state.wasListed = true
            }
            Self.rebuild(&state, host, changed, installation)
        }
    }

    func take(pools: [PoolObservation], on host: HostName) {
        state.withLock { state in
            guard var stock = state.stocks[host] else { return }
            let moved = stock.pools.map(\.path) != pools.map(\.path)
            stock.pools = pools
            changes.notePools(host, pools)
            for name in stock.volumes.keys where !pools.contains(where: { $0.name == name && $0.isActive }) { stock.volumes[name] = nil }
            state.stocks[host] = stock
            if moved { Self.rebuild(&state, host, Set(stock.machines.keys), installation) }
        }
    }

    /// Takes the networks; machines whose cards got or lost a reservation get new views.
    func take(networks: [NetworkObservation], on host: HostName) {
        state.withLock { state in
            guard let old = state.stocks[host]?.networks else { return }
            state.stocks[host]?.networks = networks
            changes.noteNetworks(host, networks)
            let before = Set(old.flatMap(\.reservations).map { [$0.mac, $0.address] })
            let changed = Set(
                before.symmetricDifference(networks.flatMap(\.reservations).map { [$0.mac, $0.address] }).compactMap(\.first))
            guard !changed.isEmpty, let machines = state.stocks[host]?.machines.values else { return }
            let touched = machines.filter { $0.hardware.nics.contains { changed.contains($0.mac) } }.map(\.id)
            Self.rebuild(&state, host, Set(touched), installation)
        }
    }

    /// Everything as it is now, for a timeline that could not keep up. Nothing comes in between.
    func wholeChange() -> [FleetChanges.Change] {
        state.withLock { state in
            _ = changes.take()
            return state.order.compactMap { state.stocks[$0] }.flatMap { stock -> [FleetChanges.Change] in
                let host = stock.state.name
                guard stock.state.wasListed else { return [.reach(host, stock.state.reach, stock.state.reason)] }
                let ids = stock.machines.keys.sorted()
                return [.pools(host, stock.pools, jobs: [:]), .networks(host, stock.networks, jobs: [:])]
                    + ids.map { .machine(host, $0, stock.machines[$0], job: changes.job(on: MachineView.path($0))) }
                    + [.listed(host, Set(ids)), .reach(host, stock.state.reach, stock.state.reason)]
            }
        }
    }

    /// Takes a pool's listing; machines whose disks got other figures get new views.
    func take(volumes: [VolumeObservation], in pool: String, on host: HostName, ticket: UInt64) {
        state.withLock { state in
            guard var stock = state.stocks[host] else { return }
            let old = stock.volumes[pool] ?? [:]
            stock.take(all: volumes, in: pool, ticket: ticket)
            let new = stock.volumes[pool] ?? [:]
            state.stocks[host] = stock
            var paths: Set<String> = []
            for (name, volume) in new where old[name]?.capacityBytes != volume.capacityBytes || old[name]?.backingPath != volume.backingPath
            {
                paths.insert(volume.path)
            }
            Self.rebuild(&state, host, Self.users(stock, paths), installation)
        }
    }

    /// Takes one look at one volume; nil when it is gone.
    func take(volume: VolumeObservation?, _ reference: VolumeReference, on host: HostName, ticket: UInt64) {
        state.withLock { state in
            guard state.stocks[host] != nil else { return }
            let old = state.stocks[host]?.observation(of: reference)
            guard state.stocks[host]?.take(volume, reference, ticket: ticket) == true else { return }
            guard let stock = state.stocks[host], let path = volume?.path ?? old?.path,
                old?.capacityBytes != volume?.capacityBytes || old?.backingPath != volume?.backingPath
            else { return }
            Self.rebuild(&state, host, Self.users(stock, [path]), installation)
        }
    }

    func take(addresses: [ObservedAddress], of id: MachineID, on host: HostName) {
        state.withLock { state in
            guard let stock = state.stocks[host], stock.machines[id]?.state.isActive == true else { return }
            let old = stock.addresses[id] ?? []
            state.stocks[host]?.addresses[id] = addresses.isEmpty ? nil : addresses
            if old.map(\.address) != addresses.map(\.address) { Self.rebuild(&state, host, [id], installation) }
        }
    }

    /// Follows the queue: shows which job works on which machine.
    package func follow(_ job: Job) {
        let ids = job.resources.compactMap { path in
            path.hasPrefix("/v1/vms/") ? MachineID(path.dropFirst("/v1/vms/".count)) : nil
        }
        guard !ids.isEmpty else { return }
        state.withLock { state in
            for id in ids {
                let before = state.jobs[id] ?? []
                var now = before.filter { $0 != job.id }
                if !job.state.endsWaits { now = (now + [job.id]).sorted() }
                guard now != before else { continue }
                state.jobs[id] = now.isEmpty ? nil : now
                guard now.first != before.first else { continue }
                for host in state.order where state.stocks[host]?.machines[id] != nil { Self.rebuild(&state, host, [id], installation) }
            }
        }
    }

    // MARK: Views

    private static func users(_ stock: HostStock, _ paths: Set<String>) -> Set<MachineID> {
        guard !paths.isEmpty else { return [] }
        return Set(stock.machines.values.filter { $0.hardware.disks.contains { $0.path.map(paths.contains) ?? false } }.map(\.id))
    }

    private static func rebuild(_ state: inout State, _ host: HostName, _ ids: Set<MachineID>, _ installation: String) {
        guard !ids.isEmpty, let stock = state.stocks[host] else { return }
        state.generation += 1
        state.published = nil
        var changes: [Change] = []
        for id in ids {
            let old = state.views[host]?[id]
            let new = stock.machines[id].map {
                view(of: $0, stock: stock, job: state.jobs[id]?.first, version: state.generation, installation)
            }
            state.views[host, default: [:]][id] = new
            changes.append((old, new))
        }
        state.stocks[host]?.state.machineCount = stock.machines.count
        if ids.count > 32 || !patch(&state.machines, changes) { state.machines = sortedAnew(state) }
    }

    private typealias Change = (old: MachineView?, new: MachineView?)

    private static func isOrdered(_ left: MachineView, _ right: MachineView) -> Bool {
        left.name == right.name ? left.host < right.host : left.name < right.name
    }

    private static func sortedAnew(_ state: State) -> [MachineView] {
        var machines: [MachineView] = []
        for name in state.order { machines += (state.views[name] ?? [:]).values }
        machines.sort(by: isOrdered)
        return machines
    }

    /// A few changes in a long list: found and put in their places instead of sorting all. False if the list was not as expected.
    private static func patch(_ machines: inout [MachineView], _ changes: [Change]) -> Bool {
        for change in changes {
            if let old = change.old {
                let place = place(of: old, in: machines)
                guard place < machines.count, machines[place] === old else { return false }
                if let new = change.new, new.name == old.name {
                    machines[place] = new
                    continue
                }
                machines.remove(at: place)
            }
            if let new = change.new { machines.insert(new, at: place(of: new, in: machines)) }
        }
        return true
    }

    /// Where the first of equal order stands, or would.
    private static func place(of view: MachineView, in machines: [MachineView]) -> Int {
        var low = 0
        var high = machines.count
        while low < high {
            let middle = (low + high) / 2
            if isOrdered(machines[middle], view) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private static func view(
        of machine: MachineObservation, stock: HostStock, job: JobID?, version: UInt64, _ installation: String
    ) -> MachineView {
        let isManaged = machine.isManaged(by: installation)
        let owned = isManaged ? Set(machine.metadata?.ownedVolumes ?? []) : []
        let form = form(machine.hardware, stock, owned)
        return MachineView(
            host: stock.state.name, observation: machine, disks: form.disks, bootKernel: form.bootKernel, bootInitrd: form.bootInitrd,
            next: machine.nextBoot.map { self.form($0, stock, owned) }, addresses: stock.addresses[machine.id] ?? [],
            reservedAddresses: stock.reservedAddresses(of: machine), activeJob: job, isStale: stock.state.isStale, isManaged: isManaged,
            version: version)
    }

    private static func form(_ hardware: MachineHardware, _ stock: HostStock, _ owned: Set<VolumeReference>) -> HardwareForm {
        let disks = hardware.disks.map { disk in
            let reference = disk.volume ?? disk.path.flatMap(stock.volume(at:))
            let seen = reference.flatMap(stock.observation(of:))
            let backing = disk.backingPaths.first ?? seen?.backingPath
            return MachineView.Disk(
                observation: disk, volume: reference, capacityBytes: seen?.capacityBytes,
                backing: backing.flatMap(stock.volume(at:)), isOwned: reference.map(owned.contains) ?? false)
        }
        return HardwareForm(
            hardware: hardware, disks: disks, bootKernel: hardware.boot.flatMap { stock.volume(at: $0.kernelPath) },
            bootInitrd: hardware.boot?.initrdPath.flatMap(stock.volume(at:)))
    }
}
