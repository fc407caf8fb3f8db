internal import Hypervisor

/// Writes the definition of a machine of ours. Everything is stated and nothing left to probing: the format of each
/// disk, its whole chain down to the empty `<backingStore/>`.
struct DomainXMLWriter {
    /// The driver as virConnectGetType names it, `QEMU` or another.
    var driver: String
    /// The host's architecture; nil where capabilities say nothing.
    var architecture: String?

    init(driver: String, architecture: String?) {
        self.driver = driver
        self.architecture = architecture
    }

    init(_ host: OpenConnection.Identity) { self.init(driver: host.driver, architecture: host.capabilities.architecture) }

    var isQEMU: Bool { driver == "QEMU" }
    private var isPC: Bool { architecture == nil || architecture == "x86_64" || architecture == "i686" }

    /// Slots for devices that are plugged in later: a bus that libvirt lays out by itself has one to spare.
    private static let spareRootPorts = 16
    static let usbModel = "qemu-xhci"

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

    func domainType(_ accelerator: Accelerator) -> String {
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
        // A processor that is there from the start can only be taken away from the running guest if it says so here.
        guard isQEMU, isPC, spec.vcpusMax > 1 else { return }
        writer.element("vcpus") { writer in
            for index in 0..<spec.vcpusMax { Self.write(vcpu: index, isEnabled: index < spec.vcpus, &writer) }
        }
    }

    static func write(vcpu index: Int, isEnabled: Bool, _ writer: inout XMLWriter) {
        writer.element(
            "vcpu", ["id": String(index), "enabled": isEnabled ? "yes" : "no", "hotpluggable": index == 0 ? "no" : "yes"])
    }

    private func machineType(_ spec: MachineSpec) -> String? { spec.machineType ?? defaultMachineType }

    /// nil leaves it to the driver.
    var defaultMachineType: String? {
        guard isQEMU else { return nil }
        return isPC ? "q35" : architecture == "aarch64" ? "virt" : nil
    }

    private func system(_ spec: MachineSpec, _ writer: inout XMLWriter) {
        writer.element("os", ["firmware": spec.firmware == .bios ? nil : "efi"]) { writer in
            writer.element("type", ["machine": machineType(spec)], text: "hvm")
            firmware(spec.firmware, &writer)
            guard let boot = spec.boot else { return }
            writer.element("kernel", text: boot.kernelPath)
            if let initrd = boot.initrdPath { writer.element("initrd", text: initrd) }
            if !boot.cmdline.isEmpty { writer.element("cmdline", text: boot.cmdline) }
        }
        writer.element("features") { writer in
            writer.element("acpi")
            if isPC { writer.element("apic") }
            // What keeps the guest from writing the firmware's variables past the firmware.
            if isPC, spec.firmware.isSecureBoot { writer.element("smm", ["state": "on"]) }
        }
        Self.processor(spec.cpu, &writer)
    }

    /// The host's firmware that fits is libvirt's to find. What is not stated it chooses by itself, on Debian firmware
    /// that starts signed systems only.
    private func firmware(_ firmware: Firmware, _ writer: inout XMLWriter) {
        guard case .uefi(let secureBoot, let nvramPath) = firmware else { return }
        let enabled = secureBoot ? "yes" : "no"
        writer.element("firmware") { writer in
            writer.element("feature", ["enabled": enabled, "name": "enrolled-keys"])
            writer.element("feature", ["enabled": enabled, "name": "secure-boot"])
        }
        if let nvramPath { writer.element("nvram", text: nvramPath) }
    }

    private static func processor(_ cpu: String?, _ writer: inout XMLWriter) {
        switch cpu {
        case nil: break
        case "max": writer.element("cpu", ["mode": "maximum"])
        case "host-model", "host-passthrough": writer.element("cpu", ["mode": cpu])
        case let model?:
            writer.element("cpu", ["mode": "custom", "match": "exact"]) {
                $0.element("model", ["fallback": "forbid"], text: model)
            }
        }
    }

    private func devices(_ spec: MachineSpec, _ writer: inout XMLWriter) {
        controllers(spec, &writer)
        for disk in spec.disks { write(disk, &writer) }
        for nic in spec.nics { write(nic, &writer) }
        writer.element("serial", ["type": "pty"]) { writer in
            if let path = spec.consoleLogPath { writer.element("log", ["file": path, "append": "off"]) }
            writer.element("target", ["port": "0"])
        }
        writer.element("console", ["type": "pty"]) { $0.element("target", ["type": "serial", "port": "0"]) }
        writer.element("channel", ["type": "unix"]) {
            $0.element("target", ["type": "virtio", "name": "org.qemu.guest_agent.0"])
        }
        if spec.hasTPM {
            writer.element("tpm", ["model": isPC ? "tpm-crb" : "tpm-tis"]) {
                $0.element("backend", ["type": "emulator", "version": "2.0"])
            }
        }
        if isQEMU {
            // A screen without anything that shows it: installers and firmware draw on it, screenshots are taken of it.
            writer.element("video") { $0.element("model", ["type": isPC ? "vga" : "virtio"]) }
        }
        writer.element("memballoon", ["model": "virtio"]) { $0.element("stats", ["period": "10"]) }
        writer.element("rng", ["model": "virtio"]) {
            $0.element("backend", ["model": "random"], text: "/dev/urandom")
        }
    }

    private func controllers(_ spec: MachineSpec, _ writer: inout XMLWriter) {
        guard isQEMU else { return }
        let hasSCSI = spec.disks.contains { $0.bus == .scsi }
        let hasUSB = spec.disks.contains { $0.bus == .usb }
        if machineType(spec)?.contains("q35") == true || machineType(spec)?.hasPrefix("virt") == true {
            // One port for each device of now (serial, RNG, balloon beside disks, cards and controllers; a bridge for
            // cards that are not PCIe), and the spare ones.
            let hasBridge = spec.nics.contains { $0.model == "e1000" || $0.model == "rtl8139" }
            let extra = (hasSCSI ? 1 : 0) + (hasUSB ? 1 : 0) + (hasBridge ? 1 : 0)
            let ports = spec.disks.count + spec.nics.count + 3 + extra + Self.spareRootPorts
            writer.element("controller", ["type": "pci", "index": "0", "model": "pcie-root"])
            for index in 1...ports {
                writer.element("controller", ["type": "pci", "index": String(index), "model": "pcie-root-port"])
            }
        }
        writer.element("controller", ["type": "usb", "model": hasUSB ? Self.usbModel : "none"])
        if hasSCSI { writeSCSIController(&writer) }
    }
}
