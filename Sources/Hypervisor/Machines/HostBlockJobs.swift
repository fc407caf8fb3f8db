/// The port's part for work on the disks of machines that are active, helper machines among them.
package protocol HostBlockJobs {
    /// Tells the guest of an active machine that its disk has grown, and grows the file (virDomainBlockResize).
    func resizeDisk(_ id: MachineID, target: String, toBytes: Int64) async throws(HypervisorError)
    /// Begins to copy a disk of an active machine into a volume made beforehand, and to keep the copy in step
    /// (virDomainBlockCopy). A destination with layers of its own gets the active layer alone, one without them the whole
    /// disk. Ends by `pivotBlockCopy` or `abortBlockJob`, or by itself when it fails: then the machine goes on as it was.
    /// `bytesPerSecond` nil: as fast as it goes. `busy` while another job works on the disk.
    func startBlockCopy(
        _ id: MachineID, target: String, to destination: DiskSpec.Source, bytesPerSecond: Int64?
    ) async throws(HypervisorError)
    /// What runs on a disk; nil when nothing does. So a copy that failed, in a full pool say, is nil without having been
    /// pivoted to: no more is told of it.
    func blockJob(_ id: MachineID, target: String) async throws(HypervisorError) -> BlockJobObservation?
    /// Has the machine go on with the copy: from then on live machine and definition name the destination.
    /// `busy` while the copy is not in step yet.
    func pivotBlockCopy(_ id: MachineID, target: String) async throws(HypervisorError)
    /// Ends the job; the disk stays as it was, the destination half-written. `invalidState` if there is none.
    func abortBlockJob(_ id: MachineID, target: String) async throws(HypervisorError)
    /// Starts a transient machine that never runs, so that block jobs can work on the disks of a stopped one.
    /// Its name begins with `helperMachinePrefix`; `destroy` ends it.
    func startHelper(_ spec: HelperSpec) async throws(HypervisorError)
}

/// A machine that holds disks and does nothing.
package struct HelperSpec: Sendable, Equatable {
    package var id: MachineID
    /// Begins with `helperMachinePrefix`.
    package var name: String
    package var disks: [DiskSpec]
    /// Whose it is.
    package var metadata: MachineMetadata
    package init(id: MachineID, name: String, disks: [DiskSpec], metadata: MachineMetadata) {
        self.id = id
        self.name = name
        self.disks = disks
        self.metadata = metadata
    }
}

/// A block job at one moment.
package struct BlockJobObservation: Sendable, Equatable {
    package enum Kind: String, Sendable { case copy, commit, activeCommit = "active_commit", pull, other }
    package var kind: Kind
    package var doneBytes: Int64
    /// 0 while the hypervisor does not know yet.
    package var totalBytes: Int64
    /// A copy that is in step, so that it can be pivoted to.
    package var isReady: Bool
    package init(kind: Kind, doneBytes: Int64, totalBytes: Int64, isReady: Bool) {
        self.kind = kind
        self.doneBytes = doneBytes
        self.totalBytes = totalBytes
        self.isReady = isReady
    }
}
