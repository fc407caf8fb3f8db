package import Hypervisor
package import JSON

/// A network as the API shows it.
package struct NetworkState: Sendable, Equatable, JSONWritable {
    package var host: HostName
    package var observation: NetworkObservation
    /// Names of the machines whose cards have an address kept here, by MAC.
    package var holders: [String: String]
    package var isStale: Bool

    package var name: String { observation.name }
    package var path: String { Self.path(name) }
    package static func path(_ name: String) -> String { "/v1/networks/\(name)" }

    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("type", "network")
            writer.field("id", observation.uuid)
            writer.field("name", observation.name)
            writer.field("host", host.text)
            writer.field("mode", observation.mode)
            writer.field("bridge", observation.bridge)
            writer.field("cidr", observation.cidr)
            if let dhcp = observation.dhcp { writer.field("dhcp", dhcp.json) } else { writer.nullField("dhcp") }
            writer.field("reservations") { writer in
                writer.array { writer in
                    for kept in observation.reservations { write(kept, to: &writer) }
                }
            }
            writer.field("active", observation.isActive)
            writer.field("autostart", observation.autostart)
            writer.field("persistent", observation.isPersistent)
            writer.field("stale", isStale)
        }
    }

    private func write(_ kept: DHCPReservation, to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("mac", kept.mac)
            writer.field("address", kept.address)
            writer.field("hostname", kept.hostname)
            writer.field("vm", holders[kept.mac.lowercased()])
        }
    }
}

extension DHCPRange {
    package var json: JSONValue { ["start": .string(start), "end": .string(end)] }

    package init?(json: JSONValue?) {
        guard let object = json?.objectValue, let start = object["start"]?.stringValue, let end = object["end"]?.stringValue else {
            return nil
        }
        self.init(start: start, end: end)
    }
}
