internal import JSON
internal import Telemetry

extension Configuration {
    /// Every value in effect as YAML that `load` reads back to the same configuration.
    func yaml(limits known: [ConfigurationLimit]) -> String {
        var lines = ["listen:"]
        if let unix = listen.unix {
            lines += [
                "  unix:", "    path: \(text(unix.path))", "    mode: \"0\(String(unix.mode, radix: 8))\"",
                "    group: \(text(unix.group))",
            ]
        } else {
            lines.append("  unix: null")
        }
        lines += list("  tcp", listen.tcp.map(\.description))
        lines += list("  allowed_hosts", listen.allowedHosts)
        lines += ["  allow_plaintext: \(listen.allowPlaintext)", "state_directory: \(text(stateDirectory))", "hosts:"]
        for host in hosts {
            lines += [
                "  - name: \(text(host.name))", "    uri: \(text(host.uri))", "    migration:", "      uri: \(text(host.migration.uri))",
                "      address: \(text(host.migration.address))", "      tls: \(host.migration.tls.rawValue)", "    heartbeat:",
                "      interval: \(DurationText.format(host.heartbeat.interval))",
                "      timeout: \(DurationText.format(host.heartbeat.timeout))",
            ]
        }
        lines += [
            "defaults:", "  host: \(text(defaults.host))", "  pool: \(text(defaults.pool))", "  network: \(text(defaults.network))",
        ]
        lines += list("storage_roots", storageRoots)
        lines.append(known.isEmpty ? "limits: {}" : "limits:")
        for limit in known { lines.append("  \(limit.name): \(limits[limit.name] ?? limit.value)") }
        lines += ["log:", "  level: \(log.level.name)", "  format: \(log.format.rawValue)"]
        return lines.joined(separator: "\n") + "\n"
    }

    private func list(_ name: String, _ items: [String]) -> [String] {
        let indent = String(repeating: " ", count: name.prefix { $0 == " " }.count + 2)
        return items.isEmpty ? ["\(name): []"] : ["\(name):"] + items.map { "\(indent)- \(text($0))" }
    }

    /// A JSON string is a YAML string in double quotes.
    private func text(_ value: String?) -> String {
        value.map { String(decoding: JSONWriter.encode($0), as: UTF8.self) } ?? "null"
    }
}
