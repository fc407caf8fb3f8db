internal import Hypervisor

/// Reads pools and volumes; what is absent gets its default.
enum StorageXML {
    static func pool(_ xml: String, isActive: Bool, autostart: Bool) throws -> PoolObservation {
        try XMLDocument.read(xml) { pool in
            let source = pool.child("source")
            return PoolObservation(
                name: pool.child("name")?.text ?? "", type: pool.attribute("type") ?? "", isActive: isActive, autostart: autostart,
                path: pool.child("target")?.child("path")?.text ?? source?.child("device")?.attribute("path"),
                capacityBytes: ByteUnits.read(pool.child("capacity"), assumed: "bytes") ?? 0,
                allocationBytes: ByteUnits.read(pool.child("allocation"), assumed: "bytes") ?? 0,
                availableBytes: ByteUnits.read(pool.child("available"), assumed: "bytes") ?? 0)
        }
    }

    static func volume(_ xml: String, pool: String) throws -> VolumeObservation {
        try XMLDocument.read(xml) { volume in
            let target = volume.child("target")
            let backing = volume.child("backingStore")
            return VolumeObservation(
                reference: VolumeReference(pool: pool, volume: volume.child("name")?.text ?? ""),
                path: target?.child("path")?.text ?? "", format: target?.child("format")?.attribute("type") ?? "raw",
                capacityBytes: ByteUnits.read(volume.child("capacity"), assumed: "bytes") ?? 0,
                allocationBytes: ByteUnits.read(volume.child("allocation"), assumed: "bytes") ?? 0,
                backingPath: backing?.child("path")?.text,
                backingFormat: backing?.child("format")?.attribute("type"))
        }
    }

    /// A new, sparse volume. `invalidArgument` if some text cannot be written in XML.
    static func write(_ spec: VolumeSpec) throws(HypervisorError) -> String {
        var writer = XMLWriter()
        writer.element("volume") { writer in
            writer.element("name", text: spec.reference.volume)
            if let bytes = spec.capacityBytes { writer.element("capacity", ["unit": "bytes"], text: String(bytes)) }
            // Without it libvirt allocates a raw volume in full.
            writer.element("allocation", ["unit": "bytes"], text: "0")
            writer.element("target") { writer in
                writer.element("format", ["type": spec.format])
                // Without it libvirt makes the qcow2 of 2012 (compat 0.10).
                if spec.format == "qcow2" { writer.element("compat", text: "1.1") }
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
