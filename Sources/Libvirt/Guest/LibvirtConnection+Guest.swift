internal import CLibvirt
internal import Glibc
package import Hypervisor

extension LibvirtConnection {
    /// `agentUnavailable` if the agent was to say and does not answer.
    package func addresses(_ id: MachineID, source: GuestAddress.Source) async throws(HypervisorError) -> [GuestAddress] {
        if source == .agent {
            return try await askAgent(id, "virDomainInterfaceAddresses", changes: false) { domain, _ in
                try Self.addresses(domain, source)
            }
        }
        return try await read("virDomainInterfaceAddresses") { connection in try Self.addresses(connection.domain(id), source) }
    }

    private static func addresses(_ domain: DomainHandle, _ source: GuestAddress.Source) throws -> [GuestAddress] {
        let native =
            switch source {
            case .agent: VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT
            case .lease: VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE
            case .arp: VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP
            }
        var array: UnsafeMutablePointer<virDomainInterfacePtr?>?
        let count = try domain.status("virDomainInterfaceAddresses") {
            virDomainInterfaceAddresses($0, &array, native.rawValue, 0)
        }
        guard let array else { return [] }
        defer { free(array) }
        var found: [GuestAddress] = []
        for interface in UnsafeBufferPointer(start: array, count: Int(count)) {
            guard let interface else { continue }
            defer { virDomainInterfaceFree(interface) }
            // The loopback device has no hardware address, or zeros.
            guard let hardware = interface.pointee.hwaddr.map({ String(cString: $0).lowercased() }),
                hardware != "00:00:00:00:00:00"
            else { continue }
            for address in UnsafeBufferPointer(start: interface.pointee.addrs, count: Int(interface.pointee.naddrs)) {
                guard let text = address.addr else { continue }
                found.append(
                    GuestAddress(
                        mac: hardware, address: String(cString: text), prefix: Int(address.prefix), source: source))
            }
        }
        return found
    }
}
