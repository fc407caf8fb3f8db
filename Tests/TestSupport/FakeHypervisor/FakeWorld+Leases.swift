internal import Hypervisor

extension FakeWorld {
    /// A card that no machine of this host has asks for an address.
    package func addLease(mac: String, hostname: String = "stranger", on network: String) {
        withState { state in
            let end = state.nowMilliseconds + 3_600_000
            state.networks[network]?.lease(mac, hostname: hostname, untilMilliseconds: end)
        }
    }
}
