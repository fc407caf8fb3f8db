internal import Hypervisor

extension DomainEditor {
    func disk(_ target: String) throws(HypervisorError) -> MutableXMLElement {
        guard let disk = findDisk(target) else { throw Self.refuse("the machine has no disk '\(target)'") }
        return disk
    }

    func nic(_ mac: String) throws(HypervisorError) -> MutableXMLElement {
        guard let nic = findNIC(mac) else { throw Self.refuse("the machine has no network card '\(mac)'") }
        return nic
    }

    private func findDisk(_ target: String) -> MutableXMLElement? {
        devices("disk").first { $0.child("target")?.attribute("dev") == target }
    }

    private func findNIC(_ mac: String) -> MutableXMLElement? {
        devices("interface").first { $0.child("mac")?.attribute("address")?.lowercased() == mac.lowercased() }
    }

    private func devices(_ name: String) -> [MutableXMLElement] { domain.child("devices")?.children(name) ?? [] }

    /// The address on its bus is left to libvirt.
    func add(_ spec: DiskSpec) throws {
        guard findDisk(spec.target) == nil else { throw Self.refuse("the machine has a disk '\(spec.target)' already") }
        let devices = try child("devices", of: domain)
        if spec.bus == .scsi, lacksSCSI { try devices.add { writer.writeSCSIController(&$0) } }
        if spec.bus == .usb {
            for none in self.devices("controller") where none.attribute("type") == "usb" && none.attribute("model") == "none" {
                try none.set("model", to: DomainXMLWriter.usbModel)
            }
        }
        try devices.add { writer.write(spec, &$0) }
        if spec.bootOrder != nil { bootByDevice() }
    }

    /// Whether no SCSI controller is there: the one that libvirt would add is not virtio's.
    var lacksSCSI: Bool { writer.isQEMU && !devices("controller").contains { $0.attribute("type") == "scsi" } }

    func add(_ spec: NICSpec) throws {
        guard findNIC(spec.mac) == nil else { throw Self.refuse("the machine has a network card '\(spec.mac)' already") }
        try child("devices", of: domain).add { writer.write(spec, &$0) }
    }

    /// `<boot dev>` and `<boot order>` exclude each other.
    private func bootByDevice() { domain.child("os")?.removeChildren("boot") }

    func setOptions(of disk: MutableXMLElement, cache: DiskSpec.Cache?, serial: String?, bootOrder: Int?) throws {
        if let driver = disk.child("driver") {
            try driver.set("cache", to: cache?.rawValue)
        } else if let cache {
            try disk.add { $0.element("driver", ["name": writer.isQEMU ? "qemu" : nil, "cache": cache.rawValue]) }
        }
        if let serial { try child("serial", of: disk).setText(serial) } else { disk.removeChildren("serial") }
        if let bootOrder {
            // Attributes beside the order stay.
            try child("boot", of: disk).set("order", to: String(bootOrder))
            bootByDevice()
        } else {
            disk.removeChildren("boot")
        }
    }

    /// Puts a file behind the disk with its whole chain; nil leaves an empty drive.
    func setSource(of disk: MutableXMLElement, _ source: DiskSpec.Source?) throws {
        for name in ["backingStore", "mirror"] { disk.removeChildren(name) }
        guard let source else {
            guard ["cdrom", "floppy"].contains(disk.attribute("device")) else { throw Self.refuse("a disk cannot be empty") }
            return disk.removeChildren("source")
        }
        // What says how to reach another kind of source means nothing for a file.
        if !["file", "block", "volume", nil].contains(disk.attribute("type")) { disk.removeChildren("source") }
        let isBlock = DomainXMLWriter.type(source.path) == "block"
        let element = try child("source", of: disk)
        for name in ["file", "dev", "pool", "volume", "mode", "index"] { try element.set(name, to: nil) }
        for name in ["slices", "encryption", "dataStore"] { element.removeChildren(name) }
        try element.set(isBlock ? "dev" : "file", to: source.path)
        try disk.set("type", to: DomainXMLWriter.type(source.path))
        if let driver = disk.child("driver") {
            try driver.set("type", to: source.format)
        } else {
            try disk.add { $0.element("driver", ["name": writer.isQEMU ? "qemu" : nil, "type": source.format]) }
        }
        try disk.add { DomainXMLWriter.chain(source.backing[...], &$0) }
    }

    /// On the network it is on already the card keeps what else is said of it there (a port group), but not what libvirt
    /// found when it was started: that belongs to other types of cards, too.
    private func setNetwork(of nic: MutableXMLElement, _ network: String) throws {
        if let source = nic.child("source"), source.attribute("network") == network {
            for name in ["portid", "bridge", "dev", "mode"] { try source.set(name, to: nil) }
            return
        }
        nic.removeChildren("source")
        try nic.add { $0.element("source", ["network": network]) }
    }

    /// nil leaves a part as it is.
    func setNIC(_ nic: MutableXMLElement, network: String?, isLinkUp: Bool?) throws {
        if let network {
            try setNetwork(of: nic, network)
            try nic.set("type", to: "network")
        }
        guard let isLinkUp else { return }
        if let link = nic.child("link") {
            try link.set("state", to: isLinkUp ? "up" : "down")
        } else if !isLinkUp {
            try nic.add { $0.element("link", ["state": "down"]) }
        }
    }
}
