internal import Hypervisor
package import JSON
internal import Platform

/// A guest's address as `…/addresses` shows it: with its age at that moment.
package struct KnownAddress: Sendable, JSONWritable {
    let address: ObservedAddress
    let now: Timestamp

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("address", address.address.address)
            writer.field("prefix", address.address.prefix)
            writer.field("source", address.address.source.rawValue)
            writer.field("observed_at", address.observedAt.description)
            writer.field("age_seconds", max(0, now.milliseconds - address.observedAt.milliseconds) / 1000)
            writer.field("mac", address.address.mac)
        }
    }
}
