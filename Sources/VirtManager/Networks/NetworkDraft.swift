internal import Hypervisor
internal import JSON

/// What a request says of a network's addresses, judged by itself and against the networks beside it.
struct NetworkDraft {
    /// What is wanted of the DHCP server.
    enum Server: Equatable {
        /// Nothing is said.
        case unsaid
        /// None.
        case absent
        case range(DHCPRange)
    }

    static let modes = NetworkSpec.Mode.allCases.map(\.rawValue)
    static let cidrForm = "an IPv4 address and a prefix of 8 to 30, such as 192.168.50.1/24"

    let reader: ObjectReader

    /// The network's own address with its prefix; the address of the subnet itself stands for its first host.
    func subnet() -> IPv4Subnet? {
        guard let text = reader.string("cidr", maxLength: 64) else { return nil }
        if text.contains(":") {
            reader.problem("cidr", "is IPv6: networks with IPv6 subnets are not made here", allowed: [Self.cidrForm])
            return nil
        }
        guard let given = IPv4Subnet(text), (8...30).contains(given.prefix) else {
            reader.problem("cidr", "is not a subnet that can be served", allowed: [Self.cidrForm])
            return nil
        }
        // 0/8 and 127/8 never leave a host; from 224 on no address is a host's (RFC 6890, RFC 5771).
        let first = given.address.number >> 24
        guard first != 0, first != 127, first < 224 else {
            reader.problem("cidr", "is a range of special use", allowed: [Self.cidrForm])
            return nil
        }
        guard given.address != given.broadcast else {
            reader.problem("cidr", "is the subnet's broadcast address", allowed: ["\(given.firstHost) to \(given.lastHost)"])
            return nil
        }
        return given.address == given.network ? IPv4Subnet(address: given.firstHost, prefix: given.prefix) : given
    }

    /// `{"start", "end"}`, or null or false for none.
    func server() -> Server? {
        guard let value = reader.value("dhcp") else { return .unsaid }
        if value == .null || value == false { return .absent }
        guard case .object = value else {
            reader.problem("dhcp", "must be an object, false or null", allowed: ["{\"start\", \"end\"}", "false", "null"])
            return nil
        }
        let inner = reader.object("dhcp")
        let start = inner?.string("start", required: true, maxLength: 64)
        let end = inner?.string("end", required: true, maxLength: 64)
        for (name, text) in [("start", start), ("end", end)] {
            if let text, IPv4Address(text) == nil { inner?.problem(name, "is not an IPv4 address") }
        }
        guard let start, let end else { return nil }
        return .range(DHCPRange(start: start, end: end))
    }

    /// The range within the subnet: as wanted, or everything beside the network's own address where nothing is said.
    func range(_ server: Server, in subnet: IPv4Subnet) -> DHCPRange? {
        switch server {
        case .absent: return nil
        case .unsaid: return Self.widest(in: subnet)
        case .range(let range):
            check(range, in: subnet)
            return range
        }
    }

    private func check(_ range: DHCPRange, in subnet: IPv4Subnet) {
        guard let start = IPv4Address(range.start), let end = IPv4Address(range.end) else { return }
        let allowed = ["\(subnet.firstHost) to \(subnet.lastHost), without \(subnet.address)"]
        let hosts = subnet.firstHost...subnet.lastHost
        guard hosts.contains(start), hosts.contains(end) else {
            return reader.problem("dhcp", "lies outside the hosts of \(subnet.network)/\(subnet.prefix)", allowed: allowed)
        }
        guard start <= end else { return reader.problem("dhcp", "ends before it starts", allowed: allowed) }
        if (start...end).contains(subnet.address) {
            reader.problem("dhcp", "contains the network's own address \(subnet.address)", allowed: allowed)
        }
    }

    /// The longer of the two stretches beside the own address.
    static func widest(in subnet: IPv4Subnet) -> DHCPRange? {
        let own = subnet.address.number
        let below = own - subnet.firstHost.number
        let above = subnet.lastHost.number - own
        if above >= below, above > 0 { return range(own + 1, subnet.lastHost.number) }
        return below > 0 ? range(subnet.firstHost.number, own - 1) : nil
    }

    private static func range(_ start: UInt32, _ end: UInt32) -> DHCPRange {
        DHCPRange(start: IPv4Address(number: start).description, end: IPv4Address(number: end).description)
    }

    /// The name of the host's device: of the bridge to make, or of one that is there.
    func bridge() -> String? {
        guard let name = reader.string("bridge", maxLength: 64) else { return nil }
        // IFNAMSIZ of linux/if.h holds 16 bytes with the end.
        let isPlain = name.utf8.allSatisfy { byte in
            (97...122).contains(byte | 32) && byte >= 65 || (48...57).contains(byte) || byte == 45 || byte == 46 || byte == 95
        }
        guard isPlain, name.utf8.count <= 15, name != ".", name != ".." else {
            reader.problem("bridge", "is not a name of a network device", allowed: ["1 to 15 of A-Z a-z 0-9 . _ -"])
            return nil
        }
        return name
    }

    /// Two networks of one host that overlap would each take the other's packets.
    func refuseOverlap(_ subnet: IPv4Subnet, with networks: [NetworkObservation]) {
        guard let other = NetworkDraft.overlap(subnet, networks) else { return }
        reader.problem("cidr", "overlaps \(other.cidr ?? "") of network '\(other.name)' on this host")
    }

    /// Addresses kept for cards for which the subnet has no place.
    static func misfits(_ reservations: [DHCPReservation], in subnet: IPv4Subnet) -> [DHCPReservation] {
        reservations.filter { kept in IPv4Address(kept.address).map { !subnet.contains($0) || $0 == subnet.address } ?? false }
    }

    static func overlap(_ subnet: IPv4Subnet, _ networks: [NetworkObservation]) -> NetworkObservation? {
        networks.first { other in other.cidr.flatMap { IPv4Subnet($0) }.map(subnet.overlaps) ?? false }
    }
}
