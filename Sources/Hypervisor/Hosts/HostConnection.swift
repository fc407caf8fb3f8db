/// The port: one host that runs virtual machines. `Libvirt` implements it; tests have a fake with faults.
///
/// All calls may be made from any task at once. None blocks the caller's thread. A call that only reads ends by itself
/// within the driver's deadline (`timeout`); a call that changes something ends when its true end is known or the
/// connection is lost. Cancelling the task asks the driver to abort where it can, and still waits for the true end.
package protocol HostConnection: AnyObject, Sendable, HostDevices, HostBlockJobs, HostGuests, HostStorage, HostNetworks {
    /// Hints of what changed, for one consumer, for the life of this object (over reconnects).
    var events: AsyncStream<HostEvent> { get }

    // MARK: The connection

    /// Opens the connection, or confirms that it is open.
    func connect() async throws(HypervisorError) -> HostFacts
    /// One cheap round trip to the daemon, with the host's free memory as its answer.
    func ping() async throws(HypervisorError) -> Int64
    /// Asks the host what it can do. May take a second; the answer changes only with the host's software.
    func capabilities() async throws(HypervisorError) -> HostCapabilities
    /// Closes for good and ends `events`.
    func close() async

    // MARK: Machines

    func machines() async throws(HypervisorError) -> [MachineObservation]
    /// nil if there is none.
    func machine(_ id: MachineID) async throws(HypervisorError) -> MachineObservation?
    /// The cheapest look there is; nil if there is no such machine.
    func state(of id: MachineID) async throws(HypervisorError) -> StateObservation?
    /// The definition as the driver has it, without secrets.
    func machineXML(_ id: MachineID, inactive: Bool) async throws(HypervisorError) -> String
    /// What in the definition reaches beyond the guest and is none of our making: passed-through devices, arguments for the
    /// hypervisor, files and devices of the host. In words, one for each.
    func lint(_ id: MachineID) async throws(HypervisorError) -> [String]
    /// Makes or replaces the definition with that id.
    func define(_ spec: MachineSpec) async throws(HypervisorError)
    /// Takes the definition away, with what the driver keeps beside it (managed save, snapshot and checkpoint metadata, NVRAM).
    func undefine(_ id: MachineID) async throws(HypervisorError)
    func start(_ id: MachineID, paused: Bool) async throws(HypervisorError)
    /// Writes the guest's memory to the host's disk and stops it (virDomainManagedSave); the next start goes on from there.
    func save(_ id: MachineID) async throws(HypervisorError)
    /// Forgets the saved memory, so that the next start boots; nothing happens if there is none.
    func discardSaved(_ id: MachineID) async throws(HypervisorError)
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
