internal import Hypervisor

/// What the adapter uses of a host's capabilities XML.
struct ConnectionCapabilities: Sendable, Equatable {
    var uuid: String?
    var architecture: String?
    /// Domain types offered for the host's own architecture: `kvm`, `qemu`, `test` …
    var domainTypes: [String] = []

    /// Takes any text; what it does not say stays empty.
    init(xml: String) {
        guard let parsed = try? XMLDocument.read(xml, { Self.fields($0) }) else { return }
        (uuid, architecture, domainTypes) = parsed
    }

    private static func fields(_ root: XMLElement) -> (String?, String?, [String]) {
        let host = root.child("host")
        let architecture = host?.child("cpu")?.child("arch")?.text
        var types: [String] = []
        for guest in root.children("guest") {
            guard let arch = guest.child("arch") else { continue }
            guard architecture == nil || arch.attribute("name") == architecture else { continue }
            for domain in arch.children("domain") {
                if let type = domain.attribute("type"), !types.contains(type) { types.append(type) }
            }
        }
        return (host?.child("uuid")?.text.lowercased(), architecture, types)
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
