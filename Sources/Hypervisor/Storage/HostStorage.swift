/// The port's part for pools and volumes.
package protocol HostStorage {
    func pools() async throws(HypervisorError) -> [PoolObservation]
    /// Makes the definition of a `dir` pool; `alreadyExists` if name or UUID are another's.
    func definePool(_ spec: PoolSpec) async throws(HypervisorError)
    /// Starts a defined pool, making its directory where it is missing.
    func startPool(_ name: String) async throws(HypervisorError)
    /// Stops serving the pool; its files stay.
    func stopPool(_ name: String) async throws(HypervisorError)
    /// Takes the definition away; the files stay.
    func undefinePool(_ name: String) async throws(HypervisorError)
    func setPoolAutostart(_ name: String, _ isOn: Bool) async throws(HypervisorError)
    /// Has the host look at the pool's directory again.
    func refreshPool(_ pool: String) async throws(HypervisorError)

    func volumes(in pool: String) async throws(HypervisorError) -> [VolumeObservation]
    /// nil if the pool has none of that name; `poolNotFound` without the pool.
    func volume(_ reference: VolumeReference) async throws(HypervisorError) -> VolumeObservation?
    func createVolume(_ spec: VolumeSpec) async throws(HypervisorError)
    func deleteVolume(_ reference: VolumeReference) async throws(HypervisorError)
    /// Grows a volume that no running machine uses (virStorageVolResize).
    func resizeVolume(_ reference: VolumeReference, toBytes: Int64) async throws(HypervisorError)
    /// `length` nil: until `finish`.
    func openUpload(_ reference: VolumeReference, offset: Int64, length: Int64?) async throws(HypervisorError) -> any VolumeUpload
    /// The bytes of the file itself, not of the disk inside; `length` nil: to the end.
    func openDownload(_ reference: VolumeReference, offset: Int64, length: Int64?) async throws(HypervisorError) -> any VolumeDownload
    /// A look at some bytes of the file itself: `length` at most, fewer at its end, none past it. Ends within the driver's
    /// deadline, beside whatever transfers are under way.
    func readVolume(_ reference: VolumeReference, offset: Int64, length: Int) async throws(HypervisorError) -> [UInt8]
    /// The size of the file itself in bytes.
    func fileSize(_ reference: VolumeReference) async throws(HypervisorError) -> Int64
}
