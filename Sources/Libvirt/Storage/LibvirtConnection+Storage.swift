internal import CLibvirt
package import Hypervisor

extension LibvirtConnection {
    package func pools() async throws(HypervisorError) -> [PoolObservation] {
        try await read("virConnectListAllStoragePools", in: storage) { connection in
            let pools = try connection.list("virConnectListAllStoragePools", of: PoolKind.self) {
                virConnectListAllStoragePools($0, $1, 0)
            }
            return try pools.compactMap { pool in
                try Self.unless(.poolNotFound) {
                    let isActive = try pool.status("virStoragePoolIsActive") { virStoragePoolIsActive($0) } == 1
                    let isPersistent = try pool.status("virStoragePoolIsPersistent") { virStoragePoolIsPersistent($0) } == 1
                    var autostart: Int32 = 0
                    // A transient pool has none.
                    _ = try? pool.status("virStoragePoolGetAutostart") { virStoragePoolGetAutostart($0, &autostart) }
                    let xml = try pool.text("virStoragePoolGetXMLDesc") { virStoragePoolGetXMLDesc($0, 0) }
                    return try StorageXML.pool(xml, isActive: isActive, isPersistent: isPersistent, autostart: autostart == 1)
                }
            }
        }
    }

    package func volumes(in pool: String) async throws(HypervisorError) -> [VolumeObservation] {
        let names = try await read("virStoragePoolListAllVolumes", in: storage) { connection in
            let volumes = try connection.pool(pool).list("virStoragePoolListAllVolumes", of: VolumeKind.self) {
                virStoragePoolListAllVolumes($0, $1, 0)
            }
            return volumes.compactMap { volume in volume.lend { virStorageVolGetName($0).map { String(cString: $0) } } }
        }
        return try await inPieces(names, "virStorageVolGetXMLDesc", in: storage) { name, connection in
            try Self.unless(.volumeNotFound) {
                try Self.observe(connection.volume(VolumeReference(pool: pool, volume: name)), pool: pool)
            }
        }
    }

    package func volume(_ reference: VolumeReference) async throws(HypervisorError) -> VolumeObservation? {
        try await read("virStorageVolGetXMLDesc", in: storage) { connection in
            try Self.unless(.volumeNotFound) { try Self.observe(connection.volume(reference), pool: reference.pool) }
        }
    }

    package func refreshPool(_ pool: String) async throws(HypervisorError) {
        try await change("virStoragePoolRefresh", in: long) { connection in
            try connection.pool(pool).status("virStoragePoolRefresh") { virStoragePoolRefresh($0, 0) }
        }
    }

    package func createVolume(_ spec: VolumeSpec) async throws(HypervisorError) {
        // Refused before the host is asked.
        let (sparse, full) = (try StorageXML.write(spec), try StorageXML.write(spec, isSparse: false))
        try await change("virStorageVolCreateXML", in: storage) { connection in
            let pool = try connection.pool(spec.reference.pool)
            let type = try Self.type(of: pool)
            if type == "disk" { try Self.checkPartition(spec.reference, pool) }
            let xml = StorageXML.isSparse(poolType: type) ? sparse : full
            _ = VolumeHandle(owning: try pool.value("virStorageVolCreateXML") { virStorageVolCreateXML($0, xml, 0) })
        }
    }

    package func deleteVolume(_ reference: VolumeReference) async throws(HypervisorError) {
        try await change("virStorageVolDelete", in: storage) { connection in
            try connection.volume(reference).status("virStorageVolDelete") { virStorageVolDelete($0, 0) }
        }
    }

    /// Not in the control lane: formats whose tables grow along are resized by a program of their own.
    package func resizeVolume(_ reference: VolumeReference, toBytes: Int64) async throws(HypervisorError) {
        guard let bytes = UInt64(exactly: toBytes) else {
            throw HypervisorError(.invalidArgument, "a negative size", function: "virStorageVolResize")
        }
        try await change("virStorageVolResize", in: long) { connection in
            let volume = try connection.volume(reference)
            var info = virStorageVolInfo()
            try volume.status("virStorageVolGetInfo") { virStorageVolGetInfo($0, &info) }
            guard bytes >= info.capacity else {
                throw HypervisorError(
                    .invalidArgument, "the volume has \(info.capacity) bytes, and can only grow", function: "virStorageVolResize")
            }
            try volume.status("virStorageVolResize") { virStorageVolResize($0, bytes, 0) }
        }
    }

    package func fileSize(_ reference: VolumeReference) async throws(HypervisorError) -> Int64 {
        try await read("virStorageVolGetInfoFlags", in: storage) { connection in
            var info = virStorageVolInfo()
            try connection.volume(reference).status("virStorageVolGetInfoFlags") {
                virStorageVolGetInfoFlags($0, &info, VIR_STORAGE_VOL_GET_PHYSICAL.rawValue)
            }
            // With this flag `allocation` is the length of the file.
            return Int64(clamping: info.allocation)
        }
    }

    private static func observe(_ volume: VolumeHandle, pool: String) throws -> VolumeObservation {
        let xml = try volume.text("virStorageVolGetXMLDesc") { virStorageVolGetXMLDesc($0, 0) }
        return try StorageXML.volume(xml, pool: pool)
    }

    /// nil instead of the error that says that the thing is gone.
    private static func unless<Result>(_ code: HypervisorError.Code, _ body: () throws -> Result) throws -> Result? {
        do {
            return try body()
        } catch let error as LibvirtError where HypervisorError(error).code == code {
            return nil
        }
    }
}
