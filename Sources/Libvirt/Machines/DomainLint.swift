/// Reads a definition for what reaches beyond its guest: the parts that Gantry itself never writes.
enum DomainLint {
    private static let qemuNamespace = "http://libvirt.org/schemas/domain/qemu/1.0"

    static func read(_ xml: String) throws -> [String] {
        try XMLDocument.read(xml) { domain in
            let devices = domain.child("devices")
            return Self.whole(domain) + Self.boot(domain.child("os")) + (devices.map(Self.devices) ?? [])
        }
    }

    private static func whole(_ domain: XMLElement) -> [String] {
        var found: [String] = []
        for element in domain.children where element.namespace == qemuNamespace {
            found.append("it gives the hypervisor arguments of its own (qemu:\(element.name))")
        }
        for label in domain.children("seclabel") {
            found.append("it asks for a security label of its own (seclabel \(label.attribute("model") ?? label.attribute("type") ?? ""))")
        }
        if let mode = domain.child("sysinfo")?.attribute("type"), mode == "fwcfg" {
            found.append("it hands files of the host to the guest's firmware (sysinfo fwcfg)")
        }
        return found
    }

    private static func boot(_ os: XMLElement?) -> [String] {
        guard let os else { return [] }
        var found: [String] = []
        if let loader = os.child("loader"), os.attribute("firmware") == nil, !loader.text.trimmed.isEmpty {
            found.append("it names its firmware's file itself ('\(loader.text.trimmed)')")
        }
        return found
    }

    private static func devices(_ devices: XMLElement) -> [String] {
        var found: [String] = []
        if let emulator = devices.child("emulator")?.text.trimmed, !usualEmulators.contains(where: emulator.hasPrefix) {
            found.append("it runs an emulator of its own ('\(emulator)')")
        }
        for disk in devices.children("disk") { if let fault = Self.disk(disk) { found.append(fault) } }
        for (name, what) in [
            ("hostdev", "devices of the host are given to the guest"), ("filesystem", "folders of the host are shared with the guest"),
            ("shmem", "memory is shared with other processes of the host"), ("redirdev", "USB devices are redirected to the guest"),
            ("smartcard", "a smartcard of the host is given to the guest"),
        ] {
            let count = devices.children(name).count
            if count > 0 { found.append("\(what) (\(name), \(count))") }
        }
        for kind in ["serial", "parallel", "console", "channel", "rng"] {
            for device in devices.children(kind) { if let fault = character(device, kind) { found.append(fault) } }
        }
        for card in devices.children("interface") { if let fault = interface(card) { found.append(fault) } }
        return found
    }

    private static let usualEmulators = ["/usr/bin/qemu", "/usr/libexec/qemu", "/usr/bin/kvm", "/usr/lib/xen"]

    private static func disk(_ disk: XMLElement) -> String? {
        let target = disk.child("target")?.attribute("dev") ?? "?"
        let type = disk.attribute("type") ?? "file"
        let source = disk.child("source")
        switch type {
        case "file", "volume": return nil
        case "block": return "disk \(target) is a device of the host ('\(source?.attribute("dev") ?? "")')"
        default: return "disk \(target) is of the type '\(type)', which Gantry does not know"
        }
    }

    /// Character devices that end in a file, a device or a socket of the host.
    private static func character(_ device: XMLElement, _ kind: String) -> String? {
        guard kind != "rng" else {
            let backend = device.child("backend")
            let isUsual = backend?.attribute("model") != "egd" && ["", "/dev/urandom", "/dev/random"].contains(backend?.text.trimmed ?? "")
            return isUsual ? nil : "its random numbers come from '\(backend?.text.trimmed ?? "")'"
        }
        switch device.attribute("type") {
        case "file", "dev", "pipe":
            return "a \(kind) device ends in '\(device.child("source")?.attribute("path") ?? "")' of the host"
        case "tcp", "udp": return "a \(kind) device ends in a network socket of the host"
        case "unix":
            // libvirt's own place for the agent's channel is no choice of anybody.
            let path = device.child("source")?.attribute("path") ?? ""
            return path.isEmpty || path.hasPrefix("/var/lib/libvirt/qemu/") || path.hasPrefix("/run/libvirt/")
                ? nil : "a \(kind) device ends in the socket '\(path)' of the host"
        default: return nil
        }
    }

    private static func interface(_ card: XMLElement) -> String? {
        let mac = card.child("mac")?.attribute("address") ?? "?"
        if let script = card.child("script")?.attribute("path") { return "card \(mac) runs the script '\(script)' on the host" }
        switch card.attribute("type") {
        case "network", "bridge", "user": return nil
        case let type: return "card \(mac) is of the type '\(type ?? "")', which Gantry does not know"
        }
    }
}
