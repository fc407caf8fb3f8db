package import Hypervisor
internal import JSON

extension ManagedHost {
    /// What the host can do: as it was asked last since it was connected, else asked now.
    package func capabilities() async throws(HypervisorError) -> HostCapabilities {
        if let known = knownCapabilities { return known }
        return try await learnCapabilities()
    }

    /// Asks the host and keeps the answer. A driver without the question lacks nothing that could be told before trying.
    @discardableResult
    func learnCapabilities() async throws(HypervisorError) -> HostCapabilities {
        let found: HostCapabilities
        do {
            found = try await connection.capabilities()
        } catch {
            guard error.code == .unsupported else { throw error }
            found = HostCapabilities()
        }
        keep(found)
        return found
    }

    /// Refuses (501) what this host is known to lack, with the feature's name and the host's reason.
    package func requireFeature(_ feature: HostFeature) async throws(ServiceError) {
        let capabilities: HostCapabilities
        do { capabilities = try await self.capabilities() } catch { throw error.serviceError }
        guard let reason = capabilities.lacking[feature] else { return }
        throw ServiceError(
            "feature.unsupported", .unsupported, "host '\(name)' lacks '\(feature.rawValue)': \(reason)",
            hints: ["GET \(path)/capabilities tells what it can do"],
            details: JSONObject([("feature", .string(feature.rawValue)), ("host", .string(name.text))]))
    }
}
