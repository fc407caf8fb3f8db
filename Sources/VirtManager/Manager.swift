package import Hypervisor
package import JobQueue
package import Platform
package import SQLite
package import Telemetry

/// The service layer, put together: what the API talks to.
package final class Manager: Sendable {
    package let installation: String
    package let fleet: Fleet
    package let hosts: HostService
    package let machines: MachineService
    package let devices: DeviceService
    package let storage: StorageService
    package let networks: NetworkService
    package let consoles: ConsoleService
    package let execs: ExecService
    package let stats: StatsService
    package let jobs: JobService
    package let events: EventLog
    package let engine: JobEngine
    private let monitors: [HostMonitor]
    private let expiry: ExpiryKeeper
    private let sweeper: UploadSweeper

    /// What the database must hold.
    package static let schema =
        JobSchema.upgrades + VolumeStore.upgrades + AcceleratorStore.upgrades + EventStore.upgrades + UploadStore.upgrades
        + JobSchema.laterUpgrades

    package struct Options: Sendable {
        package var defaultHost: HostName?
        package var defaults = MachineDefaults()
        /// New directory pools may only be made below these.
        package var storageRoots = ["/var/lib/libvirt"]
        package var limits = JobLimits()
        package var serviceLimits = ServiceLimits()
        /// Tries a TCP port of a guest instead of connecting; nil if it took the connection, else why not.
        package var tryPort: (@Sendable (_ address: String, _ port: UInt16) async throws -> String?)?
        package var retry = RetryPolicy()
        package var clock: any Clock<Duration> = ContinuousClock()
        /// The wall clock, for ends of lifetimes and times of events.
        package var now: @Sendable () -> Timestamp = { .now() }
        package var events = EventLimits()
        /// How long a guest has to let go of a disk or network card.
        package var detachLimit: Duration = .seconds(30)
        package var failPoint: (@Sendable (FailPointSite, JobID) async throws -> Void)?
        /// Told of each job that has ended, for figures; must not block.
        package var jobEnded: @Sendable (Job) -> Void = { _ in }
        package init() {}
    }

    package init(
        installation: String, database: Database, hosts connections: [(HostSettings, any HostConnection)], log: Log,
        options: Options = Options()
    ) {
        self.installation = installation
        let fleet = Fleet(installation: installation, hosts: connections.map(\.0))
        let managed = connections.map { ManagedHost(settings: $0.0, connection: $0.1, fleet: fleet) }
        let hosts = HostService(hosts: managed, defaultHost: options.defaultHost, fleet: fleet)
        let volumes = VolumeStore(database)
        let world = JobWorld(
            hosts: hosts, installation: installation, volumes: volumes, clock: options.clock, tryPort: options.tryPort,
            detachLimit: options.detachLimit)
        let inbox = UploadInbox()
        let kinds = Self.kinds(world, inbox)
        engine = JobEngine(
            store: JobStore(database), kinds: kinds, log: log.named("jobs"), limits: options.limits, retry: options.retry,
            clock: options.clock,
            failPoint: options.failPoint, now: options.now, jobEnded: options.jobEnded)
        let events = EventLog(
            EventStore(database), fleet: fleet, log: log.named("events"), limits: options.events, clock: options.clock, now: options.now)
        self.events = events
        engine.board.observe { [fleet] job in
            fleet.follow(job)
            events.follow(job)
            // However it ended, also before it began: nobody reads the rest.
            if job.state.endsWaits {
                inbox.remove(job.id)
                world.impatience.forget(job.id)
            }
        }
        let desk = JobDesk(engine: engine)
        self.fleet = fleet
        self.hosts = hosts
        machines = MachineService(
            hosts: hosts, desk: desk, defaults: options.defaults, installation: installation, impatience: world.impatience,
            seeds: world.seeds)
        devices = DeviceService(machines: machines, store: volumes)
        storage = StorageService(
            hosts: hosts, desk: desk, store: volumes, uploads: world.uploads, inbox: inbox, defaults: options.defaults,
            storageRoots: options.storageRoots, limits: options.serviceLimits, now: options.now)
        sweeper = UploadSweeper(storage: storage, log: log.named("uploads"), clock: options.clock, now: options.now)
        networks = NetworkService(hosts: hosts, desk: desk)
        consoles = ConsoleService(hosts: hosts, limits: options.serviceLimits, clock: options.clock)
        execs = ExecService(hosts: hosts, limits: options.serviceLimits, clock: options.clock)
        stats = StatsService(hosts: hosts, limits: options.serviceLimits, clock: options.clock, log: log.named("stats"))
        jobs = JobService(engine: engine)
        world.children.use(machines, engine)
        expiry = ExpiryKeeper(
            machines: machines, engine: engine, events: events, log: log.named("expiry"), clock: options.clock, now: options.now)
        let tried = AcceleratorStore(database)
        let store = engine.store
        monitors = managed.map {
            HostMonitor(
                host: $0, installation: installation, tried: tried, log: log.named("hosts"), clock: options.clock,
                keepsHelper: { DiskMoveJob.isWorking(through: $0, store) })
        }
    }

    /// Every kind of job there is: one list, from which the crash cells are made too.
    static func kinds(_ world: JobWorld, _ inbox: UploadInbox) -> [any JobKind] {
        [MachineCreateJob(world), MachineDeleteJob(world), MachineUpdateJob(world), MachineAdoptJob(world)]
            + MachineAction.allCases.map { MachinePowerJob($0, world) } + BulkAction.allCases.map { BulkJob($0, world) }
            + [VolumeCreateJob(world), VolumeDeleteJob(world, inbox: inbox), VolumeResizeJob(world)]
            + [UploadBeginJob(world), VolumeUploadJob(world, inbox: inbox)]
            + [PoolCreateJob(world), PoolUpdateJob(world), PoolDeleteJob(world), PoolRefreshJob(world)]
            + [NetworkCreateJob(world), NetworkUpdateJob(world), NetworkDeleteJob(world)]
            + deviceKinds(world)
    }

    private static func deviceKinds(_ world: JobWorld) -> [any JobKind] {
        [
            DiskAttachJob(world), DiskDetachJob(world), DiskUpdateJob(world), DiskMoveJob(world),
            NICAttachJob(world), NICDetachJob(world), NICUpdateJob(world),
        ]
    }

    /// Whether an unknown name may be called unknown.
    package var isReady: Bool { hosts.isReady }

    /// Follows the hosts and runs the queue until `drain`, or until cancelled.
    package func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for monitor in monitors { group.addTask { await monitor.run() } }
            group.addTask { [events] in await events.run() }
            group.addTask { [expiry] in
                var keeper = expiry
                await keeper.run()
            }
            group.addTask { [stats] in await stats.run() }
            group.addTask { [sweeper] in await sweeper.run() }
            group.addTask { [engine] in try await engine.run() }
            defer { group.cancelAll() }
            // The queue ends by a drain; monitors only by being cancelled.
            while try await group.next() != nil {
                group.cancelAll()
            }
        }
    }

    /// Stops taking jobs and lets running ones reach a safe step.
    package func drain(limit: Duration = .seconds(20)) async {
        consoles.end()
        await engine.drain(limit: limit)
        jobs.endWaits()
        events.endFollowing()
    }

    /// Closes the hosts. Guests are never touched by this.
    package func close() async {
        for host in hosts.all { await host.connection.close() }
    }
}
