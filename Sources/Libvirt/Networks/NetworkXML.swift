internal import Hypervisor

/// Reads networks; what is absent gets its default.
enum NetworkXML {
    static func network(_ xml: String, isActive: Bool, autostart: Bool) throws -> NetworkObservation {
        try XMLDocument.read(xml) { network in
            NetworkObservation(
                name: network.child("name")?.text ?? "", mode: mode(network.child("forward")),
                bridge: network.child("bridge")?.attribute("name"), cidr: cidr(network.children("ip")), isActive: isActive,
                autostart: autostart)
        }
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
