/// Where a server listens.
package enum HTTPEndpoint: Sendable, Equatable {
    /// A unix socket. The file gets `mode` and, if named, `group`; a stale file is removed only if nobody answers on it.
    case unix(path: String, mode: UInt32 = 0o660, group: String? = nil)
    /// A numeric IPv4 or IPv6 address; port 0 takes a free one.
    case tcp(address: String, port: Int)
    /// A listening socket that was inherited (sd_listen_fds(3)); the server closes it.
    case descriptor(Int32)
}
