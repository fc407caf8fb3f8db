internal import Hypervisor

extension FakeDefinition {
    /// A short domain XML, for tests that only pass it on.
    var xml: String {
        let type = hardware.accelerator == .kvm ? "kvm" : "qemu"
        var lines = [
            "<domain type='\(type)'>", "  <name>\(Self.escaped(name))</name>", "  <uuid>\(id)</uuid>",
            "  <description>\(Self.escaped(description))</description>",
            "  <memory unit='KiB'>\(hardware.memoryMaxBytes / 1_024)</memory>", "  <vcpu>\(hardware.vcpusMax)</vcpu>", "  <devices>",
        ]
        for disk in hardware.disks {
            let path = Self.escaped(disk.path ?? "")
            lines.append("    <disk type='file' device='\(disk.device)'><source file='\(path)'/><target dev='\(disk.target)'/></disk>")
        }
        for nic in hardware.nics {
            let network = Self.escaped(nic.network ?? "")
            lines.append("    <interface type='network'><mac address='\(nic.mac)'/><source network='\(network)'/></interface>")
        }
        lines += ["  </devices>", "</domain>", ""]
        return lines.joined(separator: "\n")
    }

    private static func escaped(_ text: String) -> String {
        text.reduce(into: "") { result, character in
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case "'": result += "&apos;"
            default: result.append(character)
            }
        }
    }
}
