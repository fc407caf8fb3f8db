internal import CLibvirt
internal import Hypervisor

extension OpenConnection {
    /// Throws `machineNotFound` through code 42.
    func domain(_ id: MachineID) throws -> DomainHandle {
        DomainHandle(owning: try value("virDomainLookupByUUIDString") { virDomainLookupByUUIDString($0, id.text) })
    }

    func pool(_ name: String) throws -> PoolHandle {
        try Self.refuseControlCharacters(name, "pool")
        return PoolHandle(owning: try value("virStoragePoolLookupByName") { virStoragePoolLookupByName($0, name) })
    }

    func volume(_ reference: VolumeReference) throws -> VolumeHandle {
        try Self.refuseControlCharacters(reference.volume, "volume")
        let pool = try pool(reference.pool)
        return VolumeHandle(owning: try pool.value("virStorageVolLookupByName") { virStorageVolLookupByName($0, reference.volume) })
    }

    func network(_ name: String) throws -> NetworkHandle {
        try Self.refuseControlCharacters(name, "network")
        return NetworkHandle(owning: try value("virNetworkLookupByName") { virNetworkLookupByName($0, name) })
    }

    /// C would take a name with a zero byte for the shorter one before it.
    private static func refuseControlCharacters(_ name: String, _ what: String) throws {
        if name.unicodeScalars.contains(where: { $0.value < 32 }) {
            throw HypervisorError(.invalidArgument, "the \(what)'s name holds a control character", function: "lookup")
        }
    }
}
