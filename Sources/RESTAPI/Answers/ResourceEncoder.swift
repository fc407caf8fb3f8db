internal import JSON
internal import VirtManager

/// Makes the JSON of resources, and finds a resource by its path in this API.
struct ResourceEncoder: Sendable {
    let manager: Manager
    let machines = MachineCache()

    func object(_ machine: MachineView) -> EncodedObject { machines.object(machine) }

    func object(_ value: some JSONWritable) -> EncodedObject { EncodedObject(value) }

    /// What lies at `path` (`/v1/vms/UUID`, `/v1/pools/POOL/volumes/VOLUME`); nil if it is gone or has no such path.
    func object(at path: String, host: String?) async throws -> EncodedObject? {
        let parts = path.split(separator: "?").first.map { $0.split(separator: "/").map { PercentDecoding.decode($0) ?? "" } } ?? []
        guard parts.count >= 3, parts[0] == "v1" else { return nil }
        do throws(ServiceError) {
            switch (parts[1], parts.count) {
            case ("vms", 3): return object(try manager.machines.get(parts[2], host: host))
            case ("networks", 3): return object(try manager.networks.get(parts[2], host: host))
            case ("pools", 3): return object(try manager.storage.pool(parts[2], host: host))
            case ("pools", 5) where parts[3] == "volumes":
                return object(try await manager.storage.volume(pool: parts[2], volume: parts[4], host: host))
            default: return nil
            }
        } catch {
            if error.category == .notFound { return nil }
            throw error
        }
    }
}
