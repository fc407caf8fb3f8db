/// A storage pool as its host shows it.
package struct PoolObservation: Sendable, Equatable {
    package var name: String
    /// The host's UUID of it, lower case.
    package var uuid: String?
    /// `dir`, `logical`, `netfs`, …
    package var type: String
    package var isActive: Bool
    package var isPersistent: Bool
    package var autostart: Bool
    /// The directory or device below which its volumes lie; nil where there is none.
    package var path: String?
    package var capacityBytes: Int64
    package var allocationBytes: Int64
    package var availableBytes: Int64

    package init(
        name: String, uuid: String? = nil, type: String, isActive: Bool, isPersistent: Bool = true, autostart: Bool, path: String?,
        capacityBytes: Int64, allocationBytes: Int64, availableBytes: Int64
    ) {
        self.name = name
        self.uuid = uuid
        self.type = type
        self.isActive = isActive
        self.isPersistent = isPersistent
        self.autostart = autostart
        self.path = path
        self.capacityBytes = capacityBytes
        self.allocationBytes = allocationBytes
        self.availableBytes = availableBytes
    }
}
