internal import Hypervisor

/// Reads networks; what is absent gets its default.
enum NetworkXML {
    static func network(_ xml: String, isActive: Bool, isPersistent: Bool, autostart: Bool) throws -> NetworkObservation {
        try XMLDocument.read(xml) { network in
            NetworkObservation(
                name: network.child("name")?.text ?? "", uuid: network.child("uuid")?.text.trimmed.lowercased(),
                mode: mode(network.child("forward")), bridge: network.child("bridge")?.attribute("name"),
                cidr: mainAddress(network.children("ip")) { $0.attribute("family") }.flatMap(cidr), dhcp: range(network),
                reservations: reservations(network), isActive: isActive,
                isPersistent: isPersistent, autostart: autostart)
        }
    }

    static func reservations(_ xml: String) throws -> [DHCPReservation] { try XMLDocument.read(xml) { reservations($0) } }

    static func name(_ xml: String) throws -> String? { try XMLDocument.read(xml) { $0.child("name")?.text } }

    /// The first range: libvirt takes several.
    private static func range(_ network: XMLElement) -> DHCPRange? {
        for server in servers(network) {
            guard let range = server.child("range"), let start = range.attribute("start"), let end = range.attribute("end") else {
                continue
            }
            return DHCPRange(start: start, end: end)
        }
        return nil
    }

    /// Those by card: a host may also be known by its name or client identifier alone.
    private static func reservations(_ network: XMLElement) -> [DHCPReservation] {
        servers(network).flatMap { $0.children("host") }.compactMap { host in
            guard let mac = host.attribute("mac"), let address = host.attribute("ip") else { return nil }
            return DHCPReservation(mac: mac.lowercased(), address: address, hostname: host.attribute("name"))
        }
    }

    /// Those of IPv4 first.
    private static func servers(_ network: XMLElement) -> [XMLElement] {
        let addresses = network.children("ip")
        let isFirst = { (element: XMLElement) in (element.attribute("family") ?? "ipv4") == "ipv4" }
        return (addresses.filter(isFirst) + addresses.filter { !isFirst($0) }).compactMap { $0.child("dhcp") }
    }

    /// Without `<forward>` nothing leaves the network; with an empty one it is NAT.
    static func mode(_ forward: XMLElement?) -> String {
        guard let forward else { return "isolated" }
        return forward.attribute("mode") ?? "nat"
    }

    /// The first IPv4 address, else the first of any family.
    static func mainAddress<Element>(_ addresses: [Element], family: (Element) -> String?) -> Element? {
        addresses.first { (family($0) ?? "ipv4") == "ipv4" } ?? addresses.first
    }

    static func cidr(_ address: XMLElement) -> String? {
        guard let host = address.attribute("address") else { return nil }
        if let prefix = address.attribute("prefix") { return "\(host)/\(prefix)" }
        if let mask = address.attribute("netmask"), let prefix = prefixLength(mask) { return "\(host)/\(prefix)" }
        return host
    }

    /// 24 for `255.255.255.0`; nil for what is no mask.
    static func prefixLength(_ mask: String) -> Int? {
        let parts = mask.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        guard parts.count == 4 else { return nil }
        var bits: UInt32 = 0
        for part in parts {
            guard let part else { return nil }
            bits = bits << 8 | UInt32(part)
        }
        let length = (~bits).leadingZeroBitCount
        return (~bits) & (~bits &+ 1) == 0 ? length : nil
    }
}
