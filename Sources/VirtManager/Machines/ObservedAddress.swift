package import Hypervisor
package import JSON
package import Platform

/// A guest's address with its source and age.
package struct ObservedAddress: Sendable, Equatable {
    package var address: GuestAddress
    package var observedAt: Timestamp

    package init(_ address: GuestAddress, observedAt: Timestamp) {
        self.address = address
        self.observedAt = observedAt
    }

    /// Whether others can reach the guest there: no loopback, no link-local.
    package var isUsable: Bool { NumericAddress(address.address)?.isOrdinary ?? false }

    /// The one to show: by the agent, then by lease, then by ARP; IPv4 before IPv6.
    package static func best(_ addresses: [ObservedAddress]) -> String? {
        let usable = addresses.filter(\.isUsable)
        for source in GuestAddress.Source.allCases {
            let found = usable.filter { $0.address.source == source }
            if let first = found.first(where: { !$0.address.address.contains(":") }) ?? found.first { return first.address.address }
        }
        return nil
    }
}

extension ObservedAddress: JSONWritable {
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("address", address.address)
            writer.field("prefix", address.prefix)
            writer.field("source", address.source.rawValue)
            writer.field("observed_at", observedAt.description)
            writer.field("mac", address.mac)
        }
    }
}
