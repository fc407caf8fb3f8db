/// What Gantry keeps in the definition of a machine itself, so that it survives the loss of the database.
///
/// Its presence with our installation id is the mark: without it we never change or delete anything on our own.
package struct MachineMetadata: Sendable, Equatable {
    /// The installation that made the machine (`state_directory/identity`).
    package var installation: String
    /// The machine it was written for: a definition copied by hand carries the mark of another. nil in marks of old.
    package var machine: String?
    /// The job that made it, and that job's epoch then.
    package var job: String
    package var epoch: Int64
    /// When it was made, milliseconds since 1970 UTC.
    package var createdAtMilliseconds: Int64
    /// What was asked for: `auto`, `kvm` or `tcg`.
    package var accel: String
    package var labels: [String: String]
    /// When it is to be deleted with its volumes, milliseconds since 1970 UTC; nil for never.
    package var expiresAtMilliseconds: Int64?
    /// Volumes that are deleted with the machine: its own disks, console log and such.
    package var ownedVolumes: [VolumeReference]

    package init(
        installation: String, machine: String? = nil, job: String, epoch: Int64, createdAtMilliseconds: Int64, accel: String = "auto",
        labels: [String: String] = [:], expiresAtMilliseconds: Int64? = nil, ownedVolumes: [VolumeReference] = []
    ) {
        self.installation = installation
        self.machine = machine
        self.job = job
        self.epoch = epoch
        self.createdAtMilliseconds = createdAtMilliseconds
        self.accel = accel
        self.labels = labels
        self.expiresAtMilliseconds = expiresAtMilliseconds
        self.ownedVolumes = ownedVolumes
    }
}
