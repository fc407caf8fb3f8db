internal import Hypervisor

extension DomainEditor {
    /// How many processors there are, and may be; nil leaves it. The ceiling takes the number down with it.
    func setVCPUs(_ count: Int?, most: Int?) throws {
        let element = try child("vcpu", of: domain)
        let hadMost = Int(element.reading.text.trimmed) ?? 1
        let had = element.attribute("current").flatMap { Int($0) } ?? hadMost
        let most = most ?? hadMost
        let count = count ?? min(had, most)
        try element.setText(String(most))
        try element.set("current", to: count == most ? nil : String(count))
        if let each = domain.child("vcpus") { try setEach(each, count: count, most: most) }
    }

    /// The list of single processors: as many of the first ones enabled, in no stated order.
    private func setEach(_ list: MutableXMLElement, count: Int, most: Int) throws {
        var known: Set<Int> = []
        for element in list.children("vcpu") {
            guard let id = element.attribute("id").flatMap({ Int($0) }), id < most else {
                element.remove()
                continue
            }
            known.insert(id)
            try element.set("enabled", to: id < count ? "yes" : "no")
            try element.set("order", to: nil)
        }
        guard most > 0 else { return }
        for id in 0..<most where !known.contains(id) {
            try list.add { DomainXMLWriter.write(vcpu: id, isEnabled: id < count, &$0) }
        }
    }

    /// What the guest has, and may have; nil leaves it. The ceiling takes the amount down with it.
    func setMemory(_ bytes: Int64?, most: Int64?) throws {
        let ceiling = try child("memory", of: domain)
        let current = domain.child("currentMemory")
        let hadMost = ByteUnits.read(ceiling.reading, assumed: "KiB") ?? 0
        let had = ByteUnits.read(current?.reading, assumed: "KiB") ?? hadMost
        if let most { try Self.write(most, to: ceiling) }
        let now = bytes ?? min(had, most ?? hadMost)
        if bytes == nil, now == had, current != nil { return }
        try Self.write(now, to: child("currentMemory", of: domain))
    }

    private static func write(_ bytes: Int64, to element: MutableXMLElement) throws {
        try element.setText(String(bytes))
        try element.set("unit", to: "b")
    }

    /// Topology, NUMA and cache layout stay; so do features, unless there is no model left for them.
    func setProcessor(_ cpu: String?) throws {
        let element = try child("cpu", of: domain)
        for name in ["model", "vendor"] { element.removeChildren(name) }
        for name in ["mode", "match", "check", "migratable"] { try element.set(name, to: nil) }
        switch cpu {
        case nil:
            element.removeChildren("feature")
            if element.reading.children.isEmpty { element.remove() }
        case "max": try element.set("mode", to: "maximum")
        case "host-model", "host-passthrough": try element.set("mode", to: cpu)
        case let model?:
            try element.set("mode", to: "custom")
            try element.set("match", to: "exact")
            try element.add { $0.element("model", ["fallback": "forbid"], text: model) }
        }
    }
}
