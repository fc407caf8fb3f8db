internal import CLibvirt
internal import Glibc
package import Hypervisor

extension LibvirtConnection {
    /// `agentUnavailable` if the agent was to say and does not answer.
    package func addresses(_ id: MachineID, source: GuestAddress.Source) async throws(HypervisorError) -> [GuestAddress] {
        let isAgent = source == .agent
        let seconds = settings.agentSeconds
        return try await read(
            "virDomainInterfaceAddresses", in: isAgent ? agent : control, deadline: isAgent ? agentDeadline : nil
        ) { connection in
            let domain = try connection.domain(id)
            if isAgent { try domain.setAgentPatience(seconds) }
            return try Self.addresses(domain, source)
        }
    }

    package func pingAgent(_ id: MachineID) async throws(HypervisorError) {
        let seconds = settings.agentSeconds
        try await read("virDomainQemuAgentCommand", in: agent, deadline: agentDeadline) { connection in
            let domain = try connection.domain(id)
            try domain.setAgentPatience(seconds)
            _ = try domain.text("virDomainQemuAgentCommand") {
                virDomainQemuAgentCommand($0, #"{"execute":"guest-ping"}"#, seconds, 0)
            }
        }
    }

    /// The agent's own patience, twice (it may be another call's turn first), and the way there.
    private var agentDeadline: Duration { .seconds(2 * Int(settings.agentSeconds)) + settings.readDeadline }

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

extension LibvirtObject where Kind == DomainKind {
    /// Bounds every later call to the agent, the synchronisation before it included, which the calls' own time limits
    /// do not. Drivers without agents say so in the call that follows.
    func setAgentPatience(_ seconds: Int32) throws(LibvirtError) {
        do {
            try status("virDomainAgentSetResponseTimeout") { virDomainAgentSetResponseTimeout($0, seconds, 0) }
        } catch  where error.code == 3 {
            return
        }
    }
}
