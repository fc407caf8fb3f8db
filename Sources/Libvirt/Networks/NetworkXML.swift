internal import Hypervisor

/// Reads networks; what is absent gets its default.
enum NetworkXML {
    static func network(_ xml: String, isActive: Bool, isPersistent: Bool, autostart: Bool) throws -> NetworkObservation {
        try XMLDocument.read(xml) { network in
            NetworkObservation(
                name: network.child("name")?.text ?? "", uuid: network.child("uuid")?.text.trimmed.lowercased(),
                mode: mode(network.child("forward")), bridge: network.child("bridge")?.attribute("name"),
                cidr: cidr(network.children("ip")), dhcp: range(network), reservations: reservations(network), isActive: isActive,
                isPersistent: isPersistent, autostart: autostart)
        }
    }

    static func reservations(_ xml: String) throws -> [DHCPReservation] { try XMLDocument.read(xml) { reservations($0) } }

    /// What is not ours to choose when a network is defined anew: the bridge it has, and the bridge's own hardware address.
    static func bridge(_ xml: String) throws -> (name: String?, mac: String?) {
        try XMLDocument.read(xml) { ($0.child("bridge")?.attribute("name"), $0.child("mac")?.attribute("address")) }
    }

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
    private static func mode(_ forward: XMLElement?) -> String {
        guard let forward else { return "isolated" }
        return forward.attribute("mode") ?? "nat"
    }

    /// The first IPv4 address, else the first of any family.
    private static func cidr(_ elements: [XMLElement]) -> String? {
        let chosen = elements.first { ($0.attribute("family") ?? "ipv4") == "ipv4" } ?? elements.first
        guard let chosen, let address = chosen.attribute("address") else { return nil }
        if let prefix = chosen.attribute("prefix") { return "\(address)/\(prefix)" }
        if let mask = chosen.attribute("netmask"), let prefix = prefixLength(mask) { return "\(address)/\(prefix)" }
        return address
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
