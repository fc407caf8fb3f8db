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

    /// Whether it is a file or device of its host; else only its pool knows how to reach it.
    package var isLocal: Bool { path.hasPrefix("/") }

    private static func absolute(_ backing: String, from path: String) -> String {
        guard !backing.hasPrefix("/"), let slash = path.lastIndex(of: "/") else { return backing }
        return path[...slash] + backing
    }
}
