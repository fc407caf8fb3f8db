internal import Hypervisor

extension DomainXMLWriter {
    /// A machine that holds disks and never runs: as little else as QEMU takes.
    func helper(_ spec: HelperSpec, accelerator: Accelerator) throws(HypervisorError) -> String {
        var writer = XMLWriter()
        writer.element("domain", ["type": domainType(accelerator)]) { writer in
            writer.element("name", text: spec.name)
            writer.element("uuid", text: spec.id.text)
            writer.element("metadata") { MetadataXML.write(spec.metadata, to: &$0, withNamespace: true) }
            writer.element("memory", ["unit": "MiB"], text: "16")
            writer.element("vcpu", text: "1")
            // Without PCI there is nothing to put disks on.
            writer.element("os") { $0.element("type", ["machine": defaultMachineType], text: "hvm") }
            writer.element("on_poweroff", text: "destroy")
            writer.element("on_reboot", text: "destroy")
            writer.element("on_crash", text: "destroy")
            writer.element("devices") { writer in
                writer.element("controller", ["type": "usb", "model": "none"])
                for disk in spec.disks { write(disk, &writer) }
                writer.element("memballoon", ["model": "none"])
            }
        }
        return try writer.finished()
    }
}
