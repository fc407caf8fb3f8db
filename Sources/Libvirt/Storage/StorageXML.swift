internal import Hypervisor

/// Reads pools and volumes; what is absent gets its default.
enum StorageXML {
    static func pool(_ xml: String, isActive: Bool, isPersistent: Bool, autostart: Bool) throws -> PoolObservation {
        try XMLDocument.read(xml) { pool in
            PoolObservation(
                name: pool.child("name")?.text ?? "", uuid: pool.child("uuid")?.text.trimmed.lowercased(),
                type: pool.attribute("type") ?? "", isActive: isActive, isPersistent: isPersistent, autostart: autostart,
                path: path(pool),
                capacityBytes: ByteUnits.read(pool.child("capacity"), assumed: "bytes") ?? 0,
                allocationBytes: ByteUnits.read(pool.child("allocation"), assumed: "bytes") ?? 0,
                availableBytes: ByteUnits.read(pool.child("available"), assumed: "bytes") ?? 0)
        }
    }

    /// Where there is no place in the host's file system (`rbd`, `gluster`, `sheepdog`), what the pool's source is called:
    /// the paths of its volumes begin so.
    private static func path(_ pool: XMLElement) -> String? {
        let source = pool.child("source")
        let candidates = [
            pool.child("target")?.child("path")?.text, source?.child("device")?.attribute("path"), source?.child("name")?.text,
        ]
        return candidates.lazy.compactMap { $0 }.first { !$0.isEmpty }
    }

    /// The type of a pool.
    static func poolType(_ xml: String) throws -> String? { try XMLDocument.read(xml) { $0.attribute("type") } }

    /// A directory as a pool. `invalidArgument` if some text cannot be written in XML.
    static func write(_ spec: PoolSpec) throws(HypervisorError) -> String {
        var writer = XMLWriter()
        writer.element("pool", ["type": "dir"]) { writer in
            writer.element("name", text: spec.name)
            writer.element("uuid", text: spec.uuid)
            writer.element("target") { $0.element("path", text: spec.path) }
        }
        return try writer.finished()
    }

    static func volume(_ xml: String, pool: String) throws -> VolumeObservation {
        try XMLDocument.read(xml) { volume in
            let target = volume.child("target")
            let backing = volume.child("backingStore")
            return VolumeObservation(
                reference: VolumeReference(pool: pool, volume: volume.child("name")?.text ?? ""),
                path: target?.child("path")?.text ?? "", format: format(volume),
                capacityBytes: ByteUnits.read(volume.child("capacity"), assumed: "bytes") ?? 0,
                allocationBytes: ByteUnits.read(volume.child("allocation"), assumed: "bytes") ?? 0,
                backingPath: backing?.child("path")?.text,
                backingFormat: backing?.child("format")?.attribute("type"))
        }
    }

    /// Of a device libvirt tells the kind of its partition or partition table (`none`, `linux`, `gpt`, `unknown`), which says
    /// nothing of the image in it.
    private static func format(_ volume: XMLElement) -> String {
        let told = volume.child("target")?.child("format")?.attribute("type") ?? "raw"
        return ["block", "network"].contains(volume.attribute("type")) && told != "qcow2" ? "raw" : told
    }

    /// Whether a new volume of a pool of this type takes space only as it is written to. A sparse logical volume is a snapshot
    /// with room for its first blocks: once these are used up all of it is lost.
    static func isSparse(poolType: String?) -> Bool { !["logical", "disk", "zfs"].contains(poolType) }

    /// A new volume. `invalidArgument` if some text cannot be written in XML.
    static func write(_ spec: VolumeSpec, isSparse: Bool = true) throws(HypervisorError) -> String {
        var writer = XMLWriter()
        writer.element("volume") { writer in
            writer.element("name", text: spec.reference.volume)
            if let bytes = spec.capacityBytes { writer.element("capacity", ["unit": "bytes"], text: String(bytes)) }
            // Without it libvirt allocates a raw volume in full.
            if isSparse { writer.element("allocation", ["unit": "bytes"], text: "0") }
            // Of a partition it would be the kind, and `raw` is none.
            if isSparse {
                writer.element("target") { writer in
                    writer.element("format", ["type": spec.format])
                    // Without it libvirt makes the qcow2 of 2012 (compat 0.10).
                    if spec.format == "qcow2" { writer.element("compat", text: "1.1") }
                }
            }
            guard let backing = spec.backing else { return }
            writer.element("backingStore") { writer in
                writer.element("path", text: backing.path)
                writer.element("format", ["type": backing.format])
            }
        }
        return try writer.finished()
    }
}
