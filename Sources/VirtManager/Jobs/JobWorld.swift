internal import Hypervisor
internal import JSON
internal import JobQueue
internal import Platform

/// What the steps of job kinds reach: the hosts and who we are.
package struct JobWorld: Sendable {
    package let hosts: HostService
    /// The mark that our machines bear.
    package let installation: String
    /// What is known of volumes from their making.
    package let volumes: VolumeStore
    /// Uploads in parts that are not over.
    let uploads: UploadStore
    /// Who is to be off without further grace.
    package let impatience: Impatience
    /// For jobs that consist of others.
    package let children = ChildJobs()
    /// Makes cloud-init seeds.
    package let seeds: SeedMaker
    let fleet: Fleet
    let clock: any Clock<Duration>
    /// How guests' ports are tried.
    let port: GuestPort
    /// For the search of long texts.
    let matching = LazyPool(name: "gantry-match", threads: 2)
    /// How long a guest has to let go of a device.
    let detachLimit: Duration

    package init(
        hosts: HostService, installation: String, volumes: VolumeStore, impatience: Impatience = Impatience(),
        seeds: SeedMaker = SeedMaker(), clock: any Clock<Duration> = ContinuousClock(), tryPort: GuestPort.Attempt? = nil,
        detachLimit: Duration = .seconds(30)
    ) {
        self.hosts = hosts
        self.installation = installation
        self.volumes = volumes
        self.impatience = impatience
        self.seeds = seeds
        fleet = hosts.fleet
        uploads = volumes.uploads(hosts.fleet.unfinishedUploads)
        self.clock = clock
        port = tryPort.map { GuestPort(attempt: $0) } ?? .direct
        self.detachLimit = detachLimit
    }

    func host(_ name: HostName) throws -> ManagedHost {
        guard let host = hosts.managed(name) else {
            throw JobFailure("host.not_found", category: "not_found", detail: "host '\(name)' is no longer configured")
        }
        return host
    }

    func isOurs(_ machine: MachineObservation) -> Bool { machine.isManaged(by: installation) }

    /// A volume as it is now, with the format that was stated when it was made: a guest can write any header into a raw
    /// one, and the host's storage driver believes it. nil if it is not there.
    func volume(_ reference: VolumeReference, on host: ManagedHost) async throws -> VolumeObservation? {
        guard let found = try await host.connection.volume(reference) else { return nil }
        guard !fleet.unfinishedUploads.contains(reference, on: host.name) else {
            throw JobFailure("volume.unfinished", category: "conflict", detail: "the upload of volume '\(reference)' is not over")
        }
        return found.stated(by: try volumes.record(reference, on: host.name))
    }

    /// Runs a look at a host; no answer becomes `unreachable`, so that the job waits instead of guessing. So does a host of which
    /// no machine or volume was listed yet since the daemon's start: what uses what could not be told.
    func probe(
        _ name: HostName, _ look: @Sendable (ManagedHost) async throws -> StepObservation
    ) async throws -> StepObservation {
        let host = try host(name)
        guard host.state.wasListed else { return .unreachable(host.path) }
        do {
            return try await look(host)
        } catch let error as HypervisorError where error.code == .connectionLost || error.code == .timeout {
            return .unreachable(host.path)
        }
    }
}

/// A job kind's arguments could not be read: our own defect, or a database from another world.
func unreadableArguments(_ kind: String) -> JobFailure {
    JobFailure("internal", category: "internal", detail: "the arguments of this \(kind) job cannot be read")
}
