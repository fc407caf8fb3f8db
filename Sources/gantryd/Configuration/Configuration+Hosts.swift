extension Configuration {
    mutating func readHosts(_ section: ConfigurationSection) {
        var hosts: [Host] = []
        var lines: [String: Int] = [:]
        guard let node = section.take("hosts"), !node.isNull else { return }
        let path = section.path(to: "hosts")
        guard case .sequence(let items) = node.content, !items.isEmpty else {
            return section.problems.add(node, path, "\(node.summary) is not taken", allowed: "a list of at least one host")
        }
        for (index, item) in items.enumerated() {
            guard let inner = ConfigurationSection(item, path: "\(path)[\(index)]", problems: section.problems) else { continue }
            guard let host = readHost(inner, item) else { continue }
            if let line = lines[host.name] {
                section.problems.add(item, inner.path(to: "name"), "the host \"\(host.name)\" is there already, in line \(line)")
            }
            lines[host.name] = item.line
            hosts.append(host)
        }
        if !hosts.isEmpty { self.hosts = hosts }
    }

    private func readHost(_ section: ConfigurationSection, _ node: YAMLNode) -> Host? {
        var name: String?
        var uri: String?
        for (key, isThere) in [("name", section.take("name") != nil), ("uri", section.take("uri") != nil)] where !isThere {
            section.problems.add(node, section.path(to: key), "the key is missing")
        }
        if let text = section.take("name") {
            name = ConfigurationSection.value(
                text, section.path(to: "name"), section.problems, allowed: ConfigurationText.hostForm, ConfigurationText.hostName)
        }
        if let text = section.take("uri") {
            uri = ConfigurationSection.value(
                text, section.path(to: "uri"), section.problems, allowed: ConfigurationText.uriForm, ConfigurationText.uri)
        }
        var host = Host(name: name ?? "", uri: uri ?? "")
        section.section("migration") { readMigration($0, into: &host.migration) }
        section.section("heartbeat") { section in
            let range: ClosedRange<Duration> = .milliseconds(100)...(.seconds(3600))
            section.duration("interval", into: &host.heartbeat.interval, range: range)
            section.duration("timeout", into: &host.heartbeat.timeout, range: range)
            if host.heartbeat.timeout <= host.heartbeat.interval, let timeout = section.take("timeout") ?? section.take("interval") {
                section.problems.add(timeout, section.path(to: "timeout"), "is not longer than the interval")
            }
        }
        section.finish()
        return name == nil || uri == nil ? nil : host
    }

    private func readMigration(_ section: ConfigurationSection, into migration: inout Migration) {
        section.optional("uri", into: &migration.uri, allowed: ConfigurationText.uriForm, ConfigurationText.uri)
        section.optional("address", into: &migration.address, allowed: ConfigurationText.authorityForm, ConfigurationText.authority)
        section.value("tls", into: &migration.tls, allowed: TLSUse.allCases.map(\.rawValue).joined(separator: ", ")) {
            TLSUse(rawValue: $0)
        }
    }
}
