internal import Platform

/// Who is at the other end of a connection, as the kernel says.
package enum HTTPPeer: Sendable, Equatable {
    /// SO_PEERCRED and SO_PEERGROUPS of a unix socket (unix(7)), taken when the connection was accepted.
    case unix(pid: Int32, uid: UInt32, gid: UInt32, groups: [UInt32])
    /// Numeric address (an IPv4 address mapped into IPv6 comes as IPv4) and port.
    case tcp(address: String, port: Int)

    /// The peer is on this machine.
    package var isLocal: Bool {
        switch self {
        case .unix: true
        case .tcp(let address, _): address.hasPrefix("127.") || address == "::1"
        }
    }

    init(_ peer: StreamSocket.Peer) {
        switch peer {
        case .unix(let pid, let uid, let gid, let groups): self = .unix(pid: pid, uid: uid, gid: gid, groups: groups)
        case .internet(let address): self = .tcp(address: address.address, port: address.port)
        }
    }
}
