package import Hypervisor
package import JSON
internal import Platform

/// A DHCP lease as the API shows it, with the VM it belongs to; nil for the card of somebody else.
package struct LeaseState: Sendable, Equatable, JSONWritable {
    package var observation: LeaseObservation
    package var machine: String?

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("mac", observation.mac)
            writer.field("address", observation.address)
            writer.field("hostname", observation.hostname)
            writer.field("expires_at", observation.expiresAtMilliseconds.map { Timestamp(milliseconds: $0).description })
            writer.field("vm", machine)
        }
    }
}
