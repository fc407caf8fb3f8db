internal import CLibvirt
internal import Hypervisor

/// Pools of type `disk`: their volumes are the partitions of one device.
extension LibvirtConnection {
    /// Refuses any name but that of the next partition: libvirt finds out only when the partition is made, and leaves it there.
    static func checkPartition(_ reference: VolumeReference, _ pool: PoolHandle) throws {
        let xml = try pool.text("virStoragePoolGetXMLDesc") { virStoragePoolGetXMLDesc($0, 0) }
        let volumes = try pool.list("virStoragePoolListAllVolumes", of: VolumeKind.self) { virStoragePoolListAllVolumes($0, $1, 0) }
        let names = volumes.compactMap { volume in volume.lend { virStorageVolGetName($0).map { String(cString: $0) } } }
        guard let next = try StorageXML.nextPartition(of: xml, taken: names), next != reference.volume else { return }
        throw HypervisorError(
            .invalidArgument, "the volumes of pool '\(reference.pool)' are partitions, named by their number: the next one is '\(next)'",
            function: "virStorageVolCreateXML")
    }
}

extension StorageXML {
    /// What a new partition of the pool's device will be called; nil where that cannot be told. The partitioning program takes
    /// the lowest free number.
    static func nextPartition(of poolXML: String, taken: [String]) throws -> String? {
        let device = try XMLDocument.read(poolXML) { $0.child("source")?.child("device")?.attribute("path") }
        guard let base = device?.split(separator: "/").last, let last = base.last else { return nil }
        let stem = last.isNumber ? "\(base)p" : String(base)
        return (1...256).lazy.map { "\(stem)\($0)" }.first { !taken.contains($0) }
    }
}
