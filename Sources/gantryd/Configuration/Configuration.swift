internal import Telemetry

/// What the daemon does and where, with the values it has where the file says nothing. One property per key of the file.
struct Configuration: Equatable, Sendable {
    var listen = Listen()
    /// Database, identity and admin token; mode 0700.
    var stateDirectory = "/var/lib/gantry"
    var hosts = [Host(name: "local", uri: "qemu:///system")]
    var defaults = Defaults()
    /// New directory pools may only be made below these.
    var storageRoots = ["/var/lib/libvirt"]
    /// Limits that the file sets, by name; all others have the defaults of their `ConfigurationLimit`.
    var limits: [String: Int] = [:]
    var log = Log()

    struct Listen: Equatable, Sendable {
        /// nil: no unix socket.
        var unix: UnixSocket? = UnixSocket()
        var tcp = [ListenAddress(address: "127.0.0.1", port: 8460)]
        /// Host values besides loopback names and our own addresses.
        var allowedHosts: [String] = []
        /// TCP beyond loopback without TLS.
        var allowPlaintext = false
    }

    struct UnixSocket: Equatable, Sendable {
        var path = "/run/gantry/gantry.sock"
        var mode: UInt32 = 0o660
        /// Owner group of the socket; its members are admin.
        var group: String?
    }

    struct Host: Equatable, Sendable {
        var name: String
        /// A libvirt connection URI.
        var uri: String
        var migration = Migration()
        var heartbeat = Heartbeat()
    }

    /// How other hosts' libvirtd reach this one.
    struct Migration: Equatable, Sendable {
        var uri: String?
        var address: String?
        var tls = TLSUse.auto
    }

    enum TLSUse: String, CaseIterable, Sendable { case auto, require, never }

    struct Heartbeat: Equatable, Sendable {
        var interval: Duration = .seconds(5)
        /// Without an answer for this long a host is offline.
        var timeout: Duration = .seconds(15)
    }

    struct Defaults: Equatable, Sendable {
        var host = "local"
        var pool = "default"
        var network = "default"
    }

    struct Log: Equatable, Sendable {
        var level = LogLevel.info
        var format = LogFormat.auto
    }

    /// Read when the command line names no file; may be absent.
    static let standardPath = "/etc/gantry/gantry.yaml"

    /// A copy for `--sandbox`: the in-memory test driver, and everything that is written below `directory`.
    func sandboxed(in directory: String) -> Configuration {
        var copy = self
        copy.stateDirectory = directory
        copy.hosts = [Host(name: "local", uri: "test:///default")]
        copy.defaults = Defaults()
        copy.listen.unix = UnixSocket(path: "\(directory)/gantry.sock", mode: 0o600, group: nil)
        return copy
    }

    /// Keys whose values differ from `other`'s, so that a reload can say what needs a restart.
    func differences(from other: Configuration) -> [String] {
        var keys: [String] = []
        if listen.unix != other.listen.unix { keys.append("listen.unix") }
        if listen.tcp != other.listen.tcp { keys.append("listen.tcp") }
        if listen.allowedHosts != other.listen.allowedHosts { keys.append("listen.allowed_hosts") }
        if listen.allowPlaintext != other.listen.allowPlaintext { keys.append("listen.allow_plaintext") }
        if stateDirectory != other.stateDirectory { keys.append("state_directory") }
        if hosts != other.hosts { keys.append("hosts") }
        if defaults != other.defaults { keys.append("defaults") }
        if storageRoots != other.storageRoots { keys.append("storage_roots") }
        if limits != other.limits { keys.append("limits") }
        if log.level != other.log.level { keys.append("log.level") }
        if log.format != other.log.format { keys.append("log.format") }
        return keys
    }
}
