internal import Hypervisor

/// Writes the definition of a machine of ours. Everything is stated and nothing left to probing: the format of each
/// disk, its whole chain down to the empty `<backingStore/>`.
struct DomainXMLWriter {
    /// The driver as virConnectGetType names it, `QEMU` or another.
    var driver: String
    /// The host's architecture; nil where capabilities say nothing.
    var architecture: String?

    private var isQEMU: Bool { driver == "QEMU" }
    private var isPC: Bool { architecture == nil || architecture == "x86_64" || architecture == "i686" }

    /// Slots for devices that are plugged in later: a bus that libvirt lays out by itself has one to spare.
    private static let spareRootPorts = 16

    /// `invalidArgument` if some text cannot be written in XML.
    func define(_ spec: MachineSpec) throws(HypervisorError) -> String {
        var writer = XMLWriter()
        writer.element("domain", ["type": domainType(spec.accelerator)]) { writer in
            writer.element("name", text: spec.name)
            writer.element("uuid", text: spec.id.text)
            if !spec.description.isEmpty { writer.element("description", text: spec.description) }
            writer.element("metadata") { MetadataXML.write(spec.metadata, to: &$0, withNamespace: true) }
            resources(spec, &writer)
            system(spec, &writer)
            writer.element("clock", ["offset": "utc"])
            writer.element("on_poweroff", text: "destroy")
            writer.element("on_reboot", text: "restart")
            writer.element("on_crash", text: "destroy")
            writer.element("devices") { devices(spec, &$0) }
        }
        return try writer.finished()
    }

    /// A machine with nothing but memory and firmware, which ends by itself: the firmware finds nothing to boot, reboots
    /// at once (`rebootTimeout`), and a reboot ends the machine.
    func probe(name: String, accelerator: Accelerator) throws(HypervisorError) -> String {
        var writer = XMLWriter()
        writer.element("domain", ["type": domainType(accelerator)]) { writer in
            writer.element("name", text: name)
            writer.element("memory", ["unit": "MiB"], text: "32")
            writer.element("vcpu", text: "1")
            writer.element("os") { writer in
                writer.element("type", ["machine": isPC ? "pc" : nil], text: "hvm")
                writer.element("bios", ["rebootTimeout": "0"])
            }
            writer.element("features") { $0.element("acpi") }
            writer.element("on_poweroff", text: "destroy")
            writer.element("on_reboot", text: "destroy")
            writer.element("on_crash", text: "destroy")
            writer.element("devices") { writer in
                writer.element("controller", ["type": "usb", "model": "none"])
                writer.element("memballoon", ["model": "none"])
            }
        }
        return try writer.finished()
    }

    private func domainType(_ accelerator: Accelerator) -> String {
        switch accelerator {
        case .kvm: "kvm"
        case .tcg: "qemu"
        case .native: driver.lowercased()
        }
    }

    private func resources(_ spec: MachineSpec, _ writer: inout XMLWriter) {
        writer.element("memory", ["unit": "b"], text: String(spec.memoryMaxBytes))
        writer.element("currentMemory", ["unit": "b"], text: String(spec.memoryBytes))
        writer.element(
            "vcpu", ["placement": "static", "current": spec.vcpus == spec.vcpusMax ? nil : String(spec.vcpus)],
            text: String(spec.vcpusMax))
    }

    private func machineType(_ spec: MachineSpec) -> String? {
        if let type = spec.machineType { return type }
        guard isQEMU else { return nil }
        return isPC ? "q35" : architecture == "aarch64" ? "virt" : nil
    }

    private func system(_ spec: MachineSpec, _ writer: inout XMLWriter) {
        writer.element("os") { writer in
            writer.element("type", ["machine": machineType(spec)], text: "hvm")
            guard let boot = spec.boot else { return }
            writer.element("kernel", text: boot.kernelPath)
            if let initrd = boot.initrdPath { writer.element("initrd", text: initrd) }
            if !boot.cmdline.isEmpty { writer.element("cmdline", text: boot.cmdline) }
        }
        writer.element("features") { writer in
            writer.element("acpi")
            if isPC { writer.element("apic") }
        }
        switch spec.cpu {
        case nil: break
        case "max": writer.element("cpu", ["mode": "maximum"])
        case "host-model", "host-passthrough": writer.element("cpu", ["mode": spec.cpu])
        case let model?:
            writer.element("cpu", ["mode": "custom", "match": "exact"]) {
                $0.element("model", ["fallback": "forbid"], text: model)
            }
        }
    }

    private func devices(_ spec: MachineSpec, _ writer: inout XMLWriter) {
        if isQEMU, machineType(spec)?.contains("q35") == true || machineType(spec)?.hasPrefix("virt") == true {
            // One port for each device of now (serial, RNG, balloon beside disks and cards), and the spare ones.
            let ports = spec.disks.count + spec.nics.count + 3 + Self.spareRootPorts
            writer.element("controller", ["type": "pci", "index": "0", "model": "pcie-root"])
            for index in 1...ports {
                writer.element("controller", ["type": "pci", "index": String(index), "model": "pcie-root-port"])
            }
        }
        if isQEMU { writer.element("controller", ["type": "usb", "model": "none"]) }
        for disk in spec.disks { write(disk, &writer) }
        for nic in spec.nics {
            writer.element("interface", ["type": "network"]) { writer in
                writer.element("mac", ["address": nic.mac])
                writer.element("source", ["network": nic.network])
                writer.element("model", ["type": nic.model])
            }
        }
        writer.element("serial", ["type": "pty"]) { writer in
            if let path = spec.consoleLogPath { writer.element("log", ["file": path, "append": "off"]) }
            writer.element("target", ["port": "0"])
        }
        writer.element("console", ["type": "pty"]) { $0.element("target", ["type": "serial", "port": "0"]) }
        writer.element("channel", ["type": "unix"]) {
            $0.element("target", ["type": "virtio", "name": "org.qemu.guest_agent.0"])
        }
        writer.element("memballoon", ["model": "virtio"]) { $0.element("stats", ["period": "10"]) }
        writer.element("rng", ["model": "virtio"]) {
            $0.element("backend", ["model": "random"], text: "/dev/urandom")
        }
    }

    private func write(_ disk: DiskSpec, _ writer: inout XMLWriter) {
        // No cache mode: `none` needs O_DIRECT, which not every file system has (tmpfs).
        writer.element("disk", ["type": Self.type(disk.source?.path ?? ""), "device": "disk"]) { writer in
            writer.element("driver", ["name": isQEMU ? "qemu" : nil, "type": disk.source?.format, "discard": isQEMU ? "unmap" : nil])
            if let source = disk.source {
                Self.source(source.path, &writer)
                Self.chain(source.backing[...], &writer)
            }
            writer.element("target", ["dev": disk.target, "bus": disk.bus.rawValue])
            if disk.isReadOnly { writer.element("readonly") }
            if let serial = disk.serial { writer.element("serial", text: serial) }
            if let order = disk.bootOrder { writer.element("boot", ["order": String(order)]) }
        }
    }

    private static func chain(_ layers: ArraySlice<DiskSpec.Layer>, _ writer: inout XMLWriter) {
        guard let layer = layers.first else { return writer.element("backingStore") }
        writer.element("backingStore", ["type": type(layer.path)]) { writer in
            writer.element("format", ["type": layer.format])
            source(layer.path, &writer)
            chain(layers.dropFirst(), &writer)
        }
    }

    private static func type(_ path: String) -> String { path.hasPrefix("/dev/") ? "block" : "file" }

    private static func source(_ path: String, _ writer: inout XMLWriter) {
        if type(path) == "block" {
            writer.element("source", ["dev": path])
        } else {
            writer.element("source", ["file": path])
        }
    }
}
