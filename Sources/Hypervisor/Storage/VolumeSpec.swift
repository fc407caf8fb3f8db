/// A volume to be made, sparse.
package struct VolumeSpec: Sendable, Equatable {
    package struct Backing: Sendable, Equatable {
        /// Path or, for a volume of the same pool, bare file name (kept relative in the header).
        package var path: String
        package var format: String
        package init(path: String, format: String) {
            self.path = path
            self.format = format
        }
    }
    package var reference: VolumeReference
    /// `raw` or `qcow2` (made with compat 1.1).
    package var format: String
    /// The size a guest sees; nil takes that of the backing.
    package var capacityBytes: Int64?
    package var backing: Backing?

    package init(reference: VolumeReference, format: String, capacityBytes: Int64?, backing: Backing? = nil) {
        self.reference = reference
        self.format = format
        self.capacityBytes = capacityBytes
        self.backing = backing
    }
}
