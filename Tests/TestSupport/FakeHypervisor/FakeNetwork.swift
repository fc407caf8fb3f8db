internal import Hypervisor

/// A virtual network of a fake host with its leases by MAC.
struct FakeNetwork: Sendable {
    var observation: NetworkObservation
    var leases: [String: LeaseObservation] = [:]
    /// What a running network becomes when it is started anew.
    var next: NetworkObservation?

    /// The lease that `mac` has or gets: `.100`, `.101` … of the network in the order of asking.
    mutating func lease(_ mac: String, hostname: String, untilMilliseconds: Int64) {
        guard let parts = observation.cidr?.split(separator: "/"), parts.count == 2, let prefix = Int(parts[1]) else { return }
        let own = parts[0].split(separator: ".")
        guard own.count == 4 else { return }
        let kept = observation.reservations.first { $0.mac == mac }?.address
        let address = kept ?? leases[mac]?.address ?? "\(own[0]).\(own[1]).\(own[2]).\(100 + leases.count)"
        leases[mac] = LeaseObservation(
            network: observation.name, mac: mac, address: address, prefix: prefix, hostname: hostname,
            expiresAtMilliseconds: untilMilliseconds)
    }
}
