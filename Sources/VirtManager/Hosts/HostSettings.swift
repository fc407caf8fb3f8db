package import Hypervisor

/// How a host stands in the configuration.
package struct HostSettings: Sendable, Equatable {
    package var name: HostName
    package var uri: String
    package var migrationURI: String?
    package var migrationAddress: String?
    /// `auto`, `require` or `never`.
    package var migrationTLS: String
    package var heartbeatInterval: Duration
    /// After this long without an answer the host is offline.
    package var heartbeatTimeout: Duration

    package init(
        name: HostName, uri: String, migrationURI: String? = nil, migrationAddress: String? = nil, migrationTLS: String = "auto",
        heartbeatInterval: Duration = .seconds(5), heartbeatTimeout: Duration = .seconds(15)
    ) {
        self.name = name
        self.uri = uri
        self.migrationURI = migrationURI
        self.migrationAddress = migrationAddress
        self.migrationTLS = migrationTLS
        self.heartbeatInterval = heartbeatInterval
        self.heartbeatTimeout = heartbeatTimeout
    }
}
