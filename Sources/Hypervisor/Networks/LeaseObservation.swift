/// A lease that a network's DHCP server has given out.
package struct LeaseObservation: Sendable, Equatable {
    package var network: String
    package var mac: String
    package var address: String
    package var prefix: Int
    package var hostname: String?
    /// Milliseconds since 1970 UTC; nil for one without end.
    package var expiresAtMilliseconds: Int64?

    package init(network: String, mac: String, address: String, prefix: Int, hostname: String?, expiresAtMilliseconds: Int64?) {
        self.network = network
        self.mac = mac
        self.address = address
        self.prefix = prefix
        self.hostname = hostname
        self.expiresAtMilliseconds = expiresAtMilliseconds
    }
}
