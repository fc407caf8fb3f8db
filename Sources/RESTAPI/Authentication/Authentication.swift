/// Who may come in: set by the daemon, from its configuration and state.
package struct Authentication: Sendable {
    /// The daemon's own uid: who runs it may use it.
    package var daemonUser: UInt32
    /// The group whose members may use the unix socket; nil: none.
    package var group: UInt32?
    /// SHA-256 of the admin token, 64 lower-case hexadecimal digits; nil: nobody comes in over TCP.
    package var adminTokenDigest: String?

    package init(daemonUser: UInt32, group: UInt32?, adminTokenDigest: String?) {
        self.daemonUser = daemonUser
        self.group = group
        self.adminTokenDigest = adminTokenDigest
    }
}
