/// A storage pool as its host shows it.
package struct PoolObservation: Sendable, Equatable {
    package var name: String
    /// `dir`, `logical`, `netfs`, …
    package var type: String
    package var isActive: Bool
    package var autostart: Bool
    /// The directory or device below which its volumes lie; nil where there is none.
    package var path: String?
    package var capacityBytes: Int64
    package var allocationBytes: Int64
    package var availableBytes: Int64

    package init(
        name: String, type: String, isActive: Bool, autostart: Bool, path: String?, capacityBytes: Int64, allocationBytes: Int64,
        availableBytes: Int64
    ) {
        self.name = name
        self.type = type
        self.isActive = isActive
        self.autostart = autostart
        self.path = path
        self.capacityBytes = capacityBytes
        self.allocationBytes = allocationBytes
        self.availableBytes = availableBytes
    }
}

/// A volume as its host shows it.
package struct VolumeObservation: Sendable, Equatable {
    package var reference: VolumeReference
    package var path: String
    /// `raw`, `qcow2`, … as the host sees it.
    package var format: String
    /// The size a guest sees.
    package var capacityBytes: Int64
    /// What it takes up now.
    package var allocationBytes: Int64
    /// Absolute: a relative name in the header is meant from the volume's own folder.
    package var backingPath: String?
    package var backingFormat: String?

    package init(
        reference: VolumeReference, path: String, format: String, capacityBytes: Int64, allocationBytes: Int64,
        backingPath: String? = nil, backingFormat: String? = nil
    ) {
        self.reference = reference
        self.path = path
        self.format = format
        self.capacityBytes = capacityBytes
        self.allocationBytes = allocationBytes
        self.backingPath = backingPath.map { Self.absolute($0, from: path) }
        self.backingFormat = backingFormat
    }

    private static func absolute(_ backing: String, from path: String) -> String {
        guard !backing.hasPrefix("/"), let slash = path.lastIndex(of: "/") else { return backing }
        return path[...slash] + backing
    }
}

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
