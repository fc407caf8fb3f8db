internal import Hypervisor

/// What block copies say in XML.
enum BlockCopyXML {
    /// Where a copy goes: the file, its format, and the chain under it down to its end, so that nothing is probed.
    static func destination(_ source: DiskSpec.Source) throws(HypervisorError) -> String {
        var writer = XMLWriter()
        writer.element("disk", ["type": DomainXMLWriter.type(source.path), "device": "disk"]) { writer in
            writer.element("driver", ["name": "qemu", "type": source.format])
            DomainXMLWriter.source(source.path, &writer)
            DomainXMLWriter.chain(source.backing[...], &writer)
        }
        return try writer.finished()
    }

    /// Whether the copy of that disk is in step with it, so that the machine can go on with either.
    static func isMirrorReady(_ xml: String, target: String) throws -> Bool {
        try XMLDocument.read(xml) { domain in
            let disks = domain.child("devices")?.children("disk") ?? []
            let disk = disks.first { $0.child("target")?.attribute("dev") == target }
            return disk?.child("mirror")?.attribute("ready") == "yes"
        }
    }
}
