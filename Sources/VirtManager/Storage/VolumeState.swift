package import Hypervisor
package import JSON

/// A volume as the API shows it.
package struct VolumeState: Sendable, Equatable, JSONWritable {
    package var host: HostName
    package var observation: VolumeObservation
    package var role: VolumeRole
    /// What is known from its upload; nil for volumes that came otherwise.
    package var sha256: String?
    package var backing: VolumeReference?
    package var usedBy: [String]
    package var children: [String]
    /// While its upload in parts is not over.
    package var upload: UploadState?

    package var reference: VolumeReference { observation.reference }
    package var path: String { Self.path(reference) }

    package static func path(_ reference: VolumeReference) -> String { "/v1/pools/\(reference.pool)/volumes/\(reference.volume)" }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("type", "volume")
            writer.field("pool", reference.pool)
            writer.field("host", host.text)
            writer.field("name", reference.volume)
            writer.field("role", role.rawValue)
            writer.field("path", observation.path)
            writer.field("format", observation.format)
            writer.field("capacity_bytes", observation.capacityBytes)
            writer.field("allocation_bytes", observation.allocationBytes)
            if let backing { writer.field("backing", backing.json) } else { writer.nullField("backing") }
            writer.field("used_by", usedBy)
            writer.field("children", children)
            writer.field("protected", false)
            writer.field("sha256", sha256)
            if let upload { writer.field("upload", upload) } else { writer.nullField("upload") }
        }
    }
}
