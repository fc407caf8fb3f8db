package import Hypervisor
package import JSON

/// A pool as the API shows it.
package struct PoolState: Sendable, Equatable, JSONWritable {
    package var host: HostName
    package var observation: PoolObservation
    package var isStale: Bool

    package var name: String { observation.name }
    package static func path(_ name: String) -> String { "/v1/pools/\(name)" }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("type", "pool")
            writer.field("id", observation.uuid)
            writer.field("name", observation.name)
            writer.field("host", host.text)
            writer.field("pool_type", observation.type)
            writer.field("state", observation.isActive ? "active" : "inactive")
            writer.field("active", observation.isActive)
            writer.field("path", observation.path)
            writer.field("autostart", observation.autostart)
            writer.field("persistent", observation.isPersistent)
            writer.field("capacity_bytes", observation.capacityBytes)
            writer.field("allocation_bytes", observation.allocationBytes)
            writer.field("available_bytes", observation.availableBytes)
            writer.field("usable", observation.isActive)
            writer.field("volume_formats", PoolType.formats(of: observation.type))
            writer.field("stale", isStale)
        }
    }
}
