internal import Hypervisor

/// Changes a network's definition in place to what a spec says: what a spec does not tell of stays, whoever wrote it
/// (names, routes, port groups, a second address, hosts known by their names).
struct NetworkEditor {
    private let network: MutableXMLElement
    private let spec: NetworkSpec

    static func apply(_ spec: NetworkSpec, to xml: String) throws -> String {
        try XMLDocument.edit(xml) { network in
            let editor = NetworkEditor(network: network, spec: spec)
            try editor.setMode()
            try editor.setBridge()
            if spec.mode != .bridge { try editor.setAddress() }
            return try network.serialised()
        }
    }

    private func setMode() throws {
        guard NetworkXML.mode(network.reading.child("forward")) != spec.mode.rawValue else { return }
        network.removeChildren("forward")
        if spec.mode != .isolated { try network.add { $0.element("forward", ["mode": spec.mode.rawValue]) } }
    }

    /// nil keeps the one that libvirt chose.
    private func setBridge() throws {
        guard let name = spec.bridge else { return }
        if let bridge = network.child("bridge") { return try bridge.set("name", to: name) }
        try network.add { $0.element("bridge", ["name": name]) }
    }

    private func setAddress() throws {
        let old = NetworkXML.mainAddress(network.children("ip")) { $0.attribute("family") }
        guard let cidr = spec.cidr else {
            old?.remove()
            return
        }
        let address = try NetworkXML.address(cidr)
        let element = try old ?? network.add { $0.element("ip") }
        let isMoved = NetworkXML.cidr(element.reading) != cidr
        if isMoved {
            try element.set("family", to: address.host.contains(":") ? "ipv6" : nil)
            try element.set("address", to: address.host)
            try element.set("netmask", to: nil)
            try element.set("prefix", to: address.prefix)
        }
        try setServer(of: element, isMoved: isMoved)
    }

    private func setServer(of element: MutableXMLElement, isMoved: Bool) throws {
        guard spec.dhcp != nil || !spec.reservations.isEmpty || element.child("dhcp") != nil else { return }
        let server = try element.child("dhcp") ?? element.add { $0.element("dhcp") }
        let ranges = server.children("range")
        // Further ranges are of the addresses of before.
        if spec.dhcp == nil || isMoved { for range in ranges.dropFirst() { range.remove() } }
        if let wanted = spec.dhcp {
            let range = try ranges.first ?? server.add { $0.element("range") }
            try range.set("start", to: wanted.start)
            try range.set("end", to: wanted.end)
        } else {
            ranges.first?.remove()
        }
        try setReservations(of: server)
        if server.reading.children.isEmpty { server.remove() }
    }

    private func setReservations(of server: MutableXMLElement) throws {
        var missing = spec.reservations
        for host in server.children("host") {
            guard let mac = host.attribute("mac")?.lowercased(), host.attribute("ip") != nil else { continue }
            guard let index = missing.firstIndex(where: { $0.mac == mac }) else {
                host.remove()
                continue
            }
            let wanted = missing.remove(at: index)
            try host.set("ip", to: wanted.address)
            try host.set("name", to: wanted.hostname)
        }
        for reservation in missing { try server.add { NetworkXML.write(reservation, to: &$0) } }
    }
}
