internal import Hypervisor

/// Single devices, as they stand in a definition and as they are plugged in.
extension DomainXMLWriter {
    func write(_ disk: DiskSpec, _ writer: inout XMLWriter) {
        // No cache mode unless asked for: `none` needs O_DIRECT, which not every file system has (tmpfs).
        let discard = isQEMU && disk.device == .disk ? "unmap" : nil
        let driver: XMLWriter.Attributes = [
            "name": isQEMU ? "qemu" : nil, "type": disk.source?.format, "cache": disk.cache?.rawValue, "discard": discard,
        ]
        writer.element("disk", ["type": Self.type(disk.source), "device": disk.device.rawValue]) { writer in
            writer.element("driver", driver)
            if let source = disk.source { Self.write(source, &writer) }
            writer.element("target", ["dev": disk.target, "bus": disk.bus.rawValue])
            if disk.isReadOnly { writer.element("readonly") }
            if let serial = disk.serial { writer.element("serial", text: serial) }
            if let order = disk.bootOrder { writer.element("boot", ["order": String(order)]) }
        }
    }

    func write(_ nic: NICSpec, _ writer: inout XMLWriter) {
        writer.element("interface", ["type": "network"]) { writer in
            writer.element("mac", ["address": nic.mac])
            writer.element("source", ["network": nic.network])
            writer.element("model", ["type": nic.model])
            if !nic.isLinkUp { writer.element("link", ["state": "down"]) }
        }
    }

    func writeSCSIController(_ writer: inout XMLWriter) {
        writer.element("controller", ["type": "scsi", "index": "0", "model": "virtio-scsi"])
    }

    static func type(_ source: DiskSpec.Source?) -> String { source?.volume == nil ? type(source?.path ?? "") : "volume" }

    private static func write(_ source: DiskSpec.Source, _ writer: inout XMLWriter) {
        // What is no file has no layers that libvirt could be told of.
        if let volume = source.volume { return writer.element("source", ["pool": volume.pool, "volume": volume.volume]) }
        self.source(source.path, &writer)
        chain(source.backing[...], &writer)
    }

    /// The layers under a file, down to the empty element that says that there are no more.
    static func chain(_ layers: ArraySlice<DiskSpec.Layer>, _ writer: inout XMLWriter) {
        guard let layer = layers.first else { return writer.element("backingStore") }
        writer.element("backingStore", ["type": type(layer.path)]) { writer in
            writer.element("format", ["type": layer.format])
            source(layer.path, &writer)
            chain(layers.dropFirst(), &writer)
        }
    }

    static func source(_ path: String, _ writer: inout XMLWriter) {
        if type(path) == "block" {
            writer.element("source", ["dev": path])
        } else {
            writer.element("source", ["file": path])
        }
    }

    /// The type of a disk or of a layer of its chain.
    static func type(_ path: String) -> String { path.hasPrefix("/dev/") ? "block" : "file" }
}
