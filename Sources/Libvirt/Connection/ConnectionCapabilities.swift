internal import Hypervisor

/// What the adapter uses of a host's capabilities XML.
struct ConnectionCapabilities: Sendable, Equatable {
    var uuid: String?
    var architecture: String?
    /// Domain types offered for the host's own architecture: `kvm`, `qemu`, `test` …
    var domainTypes: [String] = []
    /// Of the host's own architecture, names that stand for another (`q35`) among them, in libvirt's order.
    var machineTypes: [String] = []

    /// Takes any text; what it does not say stays empty.
    init(xml: String) {
        guard let parsed = try? XMLDocument.read(xml, { Self.fields($0) }) else { return }
        self = parsed
    }

    private init() {}

    private static func fields(_ root: XMLElement) -> ConnectionCapabilities {
        var found = ConnectionCapabilities()
        let host = root.child("host")
        found.uuid = host?.child("uuid")?.text.lowercased()
        found.architecture = host?.child("cpu")?.child("arch")?.text
        for guest in root.children("guest") {
            guard let arch = guest.child("arch") else { continue }
            guard found.architecture == nil || arch.attribute("name") == found.architecture else { continue }
            let domains = arch.children("domain")
            for type in domains.compactMap({ $0.attribute("type") }) where !found.domainTypes.contains(type) {
                found.domainTypes.append(type)
            }
            // A domain type has a list of its own only where it differs.
            let machines = ([arch] + domains).flatMap { $0.children("machine") }
            for name in machines.map(\.text.trimmed) where !found.machineTypes.contains(name) { found.machineTypes.append(name) }
        }
        return found
    }

    /// The domain types in our words.
    var accelerators: [Accelerator] {
        var found: [Accelerator] = []
        for type in domainTypes {
            let accelerator: Accelerator = type == "kvm" ? .kvm : type == "qemu" ? .tcg : .native
            if !found.contains(accelerator) { found.append(accelerator) }
        }
        return found
    }
}
