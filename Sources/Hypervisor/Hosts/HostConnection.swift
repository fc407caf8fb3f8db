/// The port: one host that runs virtual machines. `Libvirt` implements it; tests have a fake with faults.
///
/// All calls may be made from any task at once. None blocks the caller's thread. A call that only reads ends by itself
/// within the driver's deadline (`timeout`); a call that changes something ends when its true end is known or the
/// connection is lost. Cancelling the task asks the driver to abort where it can, and still waits for the true end.
package protocol HostConnection: AnyObject, Sendable {
    /// Hints of what changed, for one consumer, for the life of this object (over reconnects).
    var events: AsyncStream<HostEvent> { get }

    // MARK: The connection

    /// Opens the connection, or confirms that it is open.
    func connect() async throws(HypervisorError) -> HostFacts
    /// One cheap round trip to the daemon, with the host's free memory as its answer.
    func ping() async throws(HypervisorError) -> Int64
    /// Closes for good and ends `events`.
    func close() async

    // MARK: Machines

    func machines() async throws(HypervisorError) -> [MachineObservation]
    /// nil if there is none.
    func machine(_ id: MachineID) async throws(HypervisorError) -> MachineObservation?
    /// The definition as the driver has it, without secrets.
    func machineXML(_ id: MachineID, inactive: Bool) async throws(HypervisorError) -> String
    /// Makes or replaces the definition with that id.
    func define(_ spec: MachineSpec) async throws(HypervisorError)
    /// Takes the definition away, with what the driver keeps beside it (managed save, snapshot and checkpoint metadata, NVRAM).
    func undefine(_ id: MachineID) async throws(HypervisorError)
    func start(_ id: MachineID, paused: Bool) async throws(HypervisorError)
    /// Pulls the plug.
    func destroy(_ id: MachineID) async throws(HypervisorError)
    /// Asks the guest to power off (ACPI, or the agent where it is connected) and returns at once.
    func requestShutdown(_ id: MachineID) async throws(HypervisorError)
    /// Asks the guest to reboot and returns at once.
    func requestReboot(_ id: MachineID) async throws(HypervisorError)
    /// Presses the reset button.
    func reset(_ id: MachineID) async throws(HypervisorError)
    func suspend(_ id: MachineID) async throws(HypervisorError)
    func resume(_ id: MachineID) async throws(HypervisorError)
    func change(_ id: MachineID, _ change: MachineChange) async throws(HypervisorError)
    /// Marks the active machine with the time its guest was started; gone when it stops.
    func markStarted(_ id: MachineID, atMilliseconds: Int64) async throws(HypervisorError)
    /// Aborts what the driver is doing with the machine (a migration, a save).
    func abortOperation(_ id: MachineID) async throws(HypervisorError)

    // MARK: The guest

    func addresses(_ id: MachineID, source: GuestAddress.Source) async throws(HypervisorError) -> [GuestAddress]
    /// Returns when the agent has answered; `agentUnavailable` if it did not in about three seconds.
    func pingAgent(_ id: MachineID) async throws(HypervisorError)

    // MARK: Storage

    func pools() async throws(HypervisorError) -> [PoolObservation]
    func volumes(in pool: String) async throws(HypervisorError) -> [VolumeObservation]
    /// nil if the pool has none of that name; `poolNotFound` without the pool.
    func volume(_ reference: VolumeReference) async throws(HypervisorError) -> VolumeObservation?
    /// Has the host look at the pool's directory again.
    func refreshPool(_ pool: String) async throws(HypervisorError)
    func createVolume(_ spec: VolumeSpec) async throws(HypervisorError)
    func deleteVolume(_ reference: VolumeReference) async throws(HypervisorError)
    /// `length` nil: until `finish`.
    func openUpload(_ reference: VolumeReference, offset: Int64, length: Int64?) async throws(HypervisorError) -> any VolumeUpload
    /// The bytes of the file itself, not of the disk inside; `length` nil: to the end.
    func openDownload(_ reference: VolumeReference, offset: Int64, length: Int64?) async throws(HypervisorError) -> any VolumeDownload
    /// The size of the file itself in bytes.
    func fileSize(_ reference: VolumeReference) async throws(HypervisorError) -> Int64

    // MARK: Networks

    func networks() async throws(HypervisorError) -> [NetworkObservation]
    func leases(_ network: String) async throws(HypervisorError) -> [LeaseObservation]

    // MARK: Work of our own

    /// Boots a diskless helper machine through its firmware until the firmware gives up, and answers how long that took;
    /// nil if it had not ended within `limit`. Shows whether an accelerator runs code, which capabilities do not.
    func bootProbe(_ accelerator: Accelerator, name: String, limit: Duration) async throws(HypervisorError) -> Duration?
}

extension HostConnection {
    package func start(_ id: MachineID) async throws(HypervisorError) { try await start(id, paused: false) }
}

/// Names of helper machines begin so. They are no user's machines: never shown, and swept when nobody owns them.
package let helperMachinePrefix = "gantry-work-"
