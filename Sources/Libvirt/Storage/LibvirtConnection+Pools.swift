internal import CLibvirt
package import Hypervisor

/// Pools that are made, started, stopped and taken away. What is in them stays.
extension LibvirtConnection {
    package func definePool(_ spec: PoolSpec) async throws(HypervisorError) {
        let xml = try StorageXML.write(spec)
        try await change("virStoragePoolDefineXML", in: storage) { connection in
            _ = PoolHandle(owning: try connection.value("virStoragePoolDefineXML") { virStoragePoolDefineXML($0, xml, 0) })
        }
    }

    /// Starting a pool looks at all that is in it.
    package func startPool(_ name: String) async throws(HypervisorError) {
        try await change("virStoragePoolCreate", in: long) { connection in
            let pool = try connection.pool(name)
            do {
                try pool.status("virStoragePoolCreate") { virStoragePoolCreate($0, 0) }
            } catch let error as LibvirtError {
                // Only a directory is made without asking: for other kinds that means formatting something.
                guard error.message.contains("No such file or directory"), try Self.type(of: pool) == "dir" else { throw error }
                try pool.status("virStoragePoolBuild") { virStoragePoolBuild($0, VIR_STORAGE_POOL_BUILD_NEW.rawValue) }
                try pool.status("virStoragePoolCreate") { virStoragePoolCreate($0, 0) }
            }
        }
    }

    package func stopPool(_ name: String) async throws(HypervisorError) {
        try await onPool(name, "virStoragePoolDestroy", in: long) { virStoragePoolDestroy($0) }
    }

    package func undefinePool(_ name: String) async throws(HypervisorError) {
        try await onPool(name, "virStoragePoolUndefine") { virStoragePoolUndefine($0) }
    }

    package func setPoolAutostart(_ name: String, _ isOn: Bool) async throws(HypervisorError) {
        try await onPool(name, "virStoragePoolSetAutostart") { virStoragePoolSetAutostart($0, isOn ? 1 : 0) }
    }

    static func type(of pool: PoolHandle) throws -> String? {
        try StorageXML.poolType(pool.text("virStoragePoolGetXMLDesc") { virStoragePoolGetXMLDesc($0, 0) })
    }

    private func onPool(
        _ name: String, _ function: String, in lane: Lane? = nil, _ call: @escaping @Sendable (OpaquePointer) -> Int32
    ) async throws(HypervisorError) {
        try await change(function, in: lane ?? storage) { connection in
            _ = try connection.pool(name).status(function, call)
        }
    }
}
