internal import CLibvirt
internal import Glibc
package import Hypervisor

extension LibvirtConnection {
    package func networks() async throws(HypervisorError) -> [NetworkObservation] {
        try await read("virConnectListAllNetworks") { connection in
            let networks = try connection.list("virConnectListAllNetworks", of: NetworkKind.self) {
                virConnectListAllNetworks($0, $1, 0)
            }
            return try networks.compactMap { network in
                do {
                    let isActive = try network.status("virNetworkIsActive") { virNetworkIsActive($0) } == 1
                    let isPersistent = try network.status("virNetworkIsPersistent") { virNetworkIsPersistent($0) } == 1
                    var autostart: Int32 = 0
                    // A transient network has none.
                    _ = try? network.status("virNetworkGetAutostart") { virNetworkGetAutostart($0, &autostart) }
                    let xml = try network.text("virNetworkGetXMLDesc") { virNetworkGetXMLDesc($0, 0) }
                    return try NetworkXML.network(xml, isActive: isActive, isPersistent: isPersistent, autostart: autostart == 1)
                } catch let error as LibvirtError where HypervisorError(error).code == .networkNotFound {
                    return nil
                }
            }
        }
    }

    package func leases(_ network: String) async throws(HypervisorError) -> [LeaseObservation] {
        try await read("virNetworkGetDHCPLeases") { connection in
            var array: UnsafeMutablePointer<virNetworkDHCPLeasePtr?>?
            let count = try connection.network(network).status("virNetworkGetDHCPLeases") {
                virNetworkGetDHCPLeases($0, nil, &array, 0)
            }
            guard let array else { return [] }
            defer { free(array) }
            return UnsafeBufferPointer(start: array, count: Int(count)).compactMap { lease in
                guard let lease else { return nil }
                defer { virNetworkDHCPLeaseFree(lease) }
                return Self.observe(lease.pointee, network)
            }
        }
    }

    private static func observe(_ lease: virNetworkDHCPLease, _ network: String) -> LeaseObservation? {
        guard let mac = lease.mac, let address = lease.ipaddr else { return nil }
        let seconds = Int64(lease.expirytime)
        return LeaseObservation(
            network: network, mac: String(cString: mac).lowercased(), address: String(cString: address), prefix: Int(lease.prefix),
            hostname: lease.hostname.map { String(cString: $0) },
            expiresAtMilliseconds: seconds == 0 ? nil : seconds.multipliedClamping(by: 1000))
    }
}
