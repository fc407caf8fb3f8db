internal import Hypervisor
package import JSON

extension MachineDraft {
    /// One entry of `nics`.
    package struct NIC: Sendable, Equatable {
        package var network: String
        package var mac: String?
        package var model = "virtio"
        package var isLinkUp = true
        /// To be kept for it by the network's DHCP server.
        package var ip: String?

        package init(network: String, mac: String? = nil) {
            self.network = network
            self.mac = mac
        }
    }

    static let mostNICs = 8

    static func nics(_ reader: ObjectReader, _ defaults: MachineDefaults) -> [NIC]? {
        guard let list = reader.objects("nics", max: mostNICs) else { return nil }
        var macs: Set<String> = []
        var addresses: Set<String> = []
        return list.map { entry in
            let nic = nic(entry, defaults)
            if let mac = nic.mac, !macs.insert(mac).inserted { entry.problem("mac", "is given twice") }
            if let ip = nic.ip, !addresses.insert("\(nic.network) \(ip)").inserted { entry.problem("ip", "is given twice") }
            return nic
        }
    }

    /// Reads one network card as it is wished; `reader` is finished by the caller.
    package static func nic(_ reader: ObjectReader, _ defaults: MachineDefaults) -> NIC {
        // What an answer shows of a card; the server finds these out.
        reader.ignore("target", "addresses")
        var nic = NIC(network: reader.string("network", maxLength: 256) ?? defaults.network)
        nic.model = reader.choice("model", NICSpec.models) ?? "virtio"
        nic.isLinkUp = reader.choice("link", ["up", "down"]) != "down"
        nic.ip = ip(reader)
        guard let mac = reader.string("mac", maxLength: 64)?.lowercased() else { return nic }
        if isUnicastMAC(mac) {
            nic.mac = mac
        } else {
            reader.problem("mac", "is not a unicast MAC address", allowed: ["52:54:00:xx:xx:xx"])
        }
        return nic
    }

    /// An address to be kept, in its usual writing.
    static func ip(_ reader: ObjectReader) -> String? {
        guard let text = reader.string("ip", maxLength: 64) else { return nil }
        guard let address = IPv4Address(text) else {
            reader.problem("ip", "is not an IPv4 address", allowed: ["null", "four numbers such as 192.168.122.10"])
            return nil
        }
        return address.description
    }

    private static func isUnicastMAC(_ text: String) -> Bool {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        let bytes = parts.compactMap { $0.utf8.count == 2 ? UInt8($0, radix: 16) : nil }
        guard parts.count == 6, bytes.count == 6, let first = bytes.first else { return false }
        return first & 1 == 0 && bytes.contains { $0 != 0 } && !text.contains("+")
    }
}
