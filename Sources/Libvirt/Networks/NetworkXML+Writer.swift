internal import Hypervisor

extension NetworkXML {
    /// A network of ours. `invalidArgument` if some text cannot be written in XML, or the address is none.
    static func write(_ spec: NetworkSpec) throws(HypervisorError) -> String {
        let address = try spec.cidr.map { (text) throws(HypervisorError) in try self.address(text) }
        var writer = XMLWriter()
        writer.element("network") { writer in
            writer.element("name", text: spec.name)
            writer.element("uuid", text: spec.uuid)
            switch spec.mode {
            case .nat: writer.element("forward", ["mode": "nat"])
            case .bridge: writer.element("forward", ["mode": "bridge"])
            case .isolated: break
            }
            if spec.mode == .bridge {
                if let bridge = spec.bridge { writer.element("bridge", ["name": bridge]) }
                return
            }
            writer.element("bridge", ["name": spec.bridge, "stp": "on", "delay": "0"])
            guard let address else { return }
            let isIPv6 = address.host.contains(":")
            writer.element("ip", ["family": isIPv6 ? "ipv6" : nil, "address": address.host, "prefix": address.prefix]) { writer in
                guard spec.dhcp != nil || !spec.reservations.isEmpty else { return }
                writer.element("dhcp") { writer in
                    if let range = spec.dhcp { writer.element("range", ["start": range.start, "end": range.end]) }
                    for reservation in spec.reservations { write(reservation, to: &writer) }
                }
            }
        }
        return try writer.finished()
    }

    /// The element alone, as virNetworkUpdate takes it.
    static func host(_ reservation: DHCPReservation) throws(HypervisorError) -> String {
        var writer = XMLWriter()
        write(reservation, to: &writer)
        return try writer.finished()
    }

    static func write(_ reservation: DHCPReservation, to writer: inout XMLWriter) {
        writer.element("host", ["mac": reservation.mac, "name": reservation.hostname, "ip": reservation.address])
    }

    static func address(_ cidr: String) throws(HypervisorError) -> (host: String, prefix: String) {
        let parts = cidr.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, let prefix = Int(parts[1]), (0...128).contains(prefix) else {
            throw HypervisorError(.invalidArgument, "'\(cidr)' is no address with prefix", function: "virNetworkDefineXML")
        }
        return (String(parts[0]), String(prefix))
    }
}
