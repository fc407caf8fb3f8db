/// The port's part for virtual networks. `networkNotFound` where the network is not there.
package protocol HostNetworks {
    func networks() async throws(HypervisorError) -> [NetworkObservation]
    func leases(_ network: String) async throws(HypervisorError) -> [LeaseObservation]
    /// Makes the definition, or replaces that of the same name and UUID; `alreadyExists` if one of the two is another's.
    /// A running network goes on as it was until it is started anew.
    func defineNetwork(_ spec: NetworkSpec) async throws(HypervisorError)
    func startNetwork(_ name: String) async throws(HypervisorError)
    func stopNetwork(_ name: String) async throws(HypervisorError)
    func undefineNetwork(_ name: String) async throws(HypervisorError)
    func setNetworkAutostart(_ name: String, _ isOn: Bool) async throws(HypervisorError)
    /// Keeps an address for a card, now and for the next start; replaces what was kept for that card.
    /// `alreadyExists` if the address is kept for another card.
    func reserve(_ reservation: DHCPReservation, on network: String) async throws(HypervisorError)
    /// Frees the address kept for a card; nothing happens if there is none.
    func release(mac: String, on network: String) async throws(HypervisorError)
}
