internal import Hypervisor

/// Volumes of pools that only show what was made elsewhere (the LUNs of an iSCSI target): they are neither made nor deleted nor
/// grown here.
extension Fleet {
    func poolType(_ pool: String, on host: HostName) -> String? { pools(host).first { $0.name == pool }?.type }

    func isGiven(_ volume: VolumeReference, on host: HostName) -> Bool {
        poolType(volume.pool, on: host).map { PoolType.formats(of: $0).isEmpty } ?? false
    }

    /// Refuses a change to such a volume itself.
    func requireOwnWays(_ volume: VolumeReference, on host: HostName) throws(ServiceError) {
        guard isGiven(volume, on: host) else { return }
        throw ServiceError.readOnlyPool(volume.pool, type: poolType(volume.pool, on: host) ?? "")
    }
}

extension ServiceError {
    static func readOnlyPool(_ name: String, type: String) -> ServiceError {
        ServiceError("pool.read_only", .unsupported, "pool '\(name)' is of type '\(type)': its volumes are given from outside")
    }
}
