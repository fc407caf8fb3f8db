package import Hypervisor

/// The hosts, and the rules of which one a request means.
package final class HostService: Sendable {
    package let all: [ManagedHost]
    private let byName: [HostName: ManagedHost]
    let defaultHost: HostName?
    let fleet: Fleet

    package init(hosts: [ManagedHost], defaultHost: HostName?, fleet: Fleet) {
        all = hosts
        byName = Dictionary(hosts.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        self.defaultHost = defaultHost ?? hosts.first?.name
        self.fleet = fleet
    }

    package func list() -> [HostState] { fleet.hosts }

    package func get(_ name: String) throws(ServiceError) -> HostState {
        guard let state = fleet.host(HostName(name)) else { throw unknown(name) }
        return state
    }

    package func managed(_ name: HostName) -> ManagedHost? { byName[name] }

    /// The host of that name, or `host.not_found`.
    func require(_ name: String) throws(ServiceError) -> ManagedHost {
        guard let host = byName[HostName(name)] else { throw unknown(name) }
        return host
    }

    func require(_ name: HostName) throws(ServiceError) -> ManagedHost { try require(name.text) }

    private func unknown(_ name: String) -> ServiceError {
        ServiceError(
            "host.not_found", .notFound, "there is no host '\(name)'", hints: ["hosts: \(names.joined(separator: ", "))"])
    }

    var names: [String] { all.map(\.name.text) }

    /// Whether every host was listed, has failed, or has had its two seconds.
    package var isReady: Bool { fleet.hosts.allSatisfy(\.isSettled) }

    /// Hosts on which something could be that no listing has shown yet.
    func unlisted(_ only: String?) -> [HostState] {
        fleet.hosts.filter { !$0.wasListed && (only == nil || $0.name.text == only) }
    }

    /// Whoever is told "it is gone" acts on it: a host that never showed what it has may have it.
    func requireAllListed(_ only: String?) throws(ServiceError) {
        guard let first = unlisted(only).first else { return }
        throw ServiceError(
            "host.offline", .temporary, "host '\(first.name)' was never listed (\(first.reason)); whether this exists on it is not known",
            isRetryable: true, hints: ["see GET /v1/hosts/\(first.name)", "?host= names another one"], retryAfterSeconds: 2)
    }

    /// Before the first listing of every host "not there" cannot be said.
    func requireListed(_ only: String?) throws(ServiceError) {
        let unlisted = unlisted(only).filter { !$0.isSettled }
        guard let first = unlisted.first else { return }
        throw ServiceError(
            "host.not_ready", .temporary, "host '\(first.name)' has not been listed yet; whether this exists on it is not known",
            isRetryable: true, retryAfterSeconds: 1)
    }
}
