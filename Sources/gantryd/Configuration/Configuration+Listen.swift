internal import Glibc

extension Configuration {
    mutating func readListen(_ section: ConfigurationSection) {
        section.refuse("tls", "TLS is not supported yet; put a proxy that speaks TLS in front of a loopback address")
        section.boolean("allow_plaintext", into: &listen.allowPlaintext)
        let unix = section.take("unix")
        if let unix, unix.isNull {
            listen.unix = nil
        } else if let unix, let inner = ConfigurationSection(unix, path: section.path(to: "unix"), problems: section.problems) {
            listen.unix = readUnix(inner)
            inner.finish()
        }
        var addresses: [ListenAddress] = []
        let hasAddresses = section.list("tcp") { node, path in
            if let address = readAddress(node, path, section.problems, known: addresses) { addresses.append(address) }
        }
        if hasAddresses { listen.tcp = addresses }
        if let unix, listen.unix == nil, listen.tcp.isEmpty {
            section.problems.add(unix, section.path, "nothing to listen on", allowed: "a unix socket, a tcp address or both")
        }
        var hosts: [String] = []
        let hasHosts = section.list("allowed_hosts") { node, path in
            let form = ConfigurationText.authorityForm
            if let host = ConfigurationSection.value(node, path, section.problems, allowed: form, ConfigurationText.authority) {
                hosts.append(host)
            }
        }
        if hasHosts { listen.allowedHosts = hosts }
    }

    private func readUnix(_ section: ConfigurationSection) -> UnixSocket {
        var unix = UnixSocket()
        // sun_path of sockaddr_un holds 108 bytes with its end.
        section.value("path", into: &unix.path, allowed: "\(ConfigurationText.pathForm), at most 107 bytes") { text in
            ConfigurationText.path(text).flatMap { $0.utf8.count <= 107 ? $0 : nil }
        }
        if let node = section.take("mode") {
            // Without quotes YAML 1.1 reads 0660 as the number 432, others as 660: nobody shall have to guess.
            if case .scalar(let text, isPlain: false) = node.content, let mode = ConfigurationText.mode(text) {
                unix.mode = mode
            } else {
                section.problems.add(node, section.path(to: "mode"), "\(node.summary) is not taken", allowed: ConfigurationText.modeForm)
            }
        }
        section.optional("group", into: &unix.group, allowed: "a group of this system") { Self.groupExists($0) ? $0 : nil }
        return unix
    }

    private func readAddress(
        _ node: YAMLNode, _ path: String, _ problems: ConfigurationProblems, known: [ListenAddress]
    ) -> ListenAddress? {
        let allowed = "a numeric address and a port, such as 127.0.0.1:8460 or \"[::1]:8460\""
        guard let address = ConfigurationSection.value(node, path, problems, allowed: allowed, { ListenAddress($0) }) else { return nil }
        if known.contains(address), address.port != 0 {
            problems.add(node, path, "\(address) is there already")
        } else if !address.isLoopback, !listen.allowPlaintext {
            problems.add(
                node, path, "\(address) is reachable from outside, where tokens would travel in clear, and TLS is not supported yet",
                allowed: "a loopback address, or listen.allow_plaintext: true")
        } else {
            return address
        }
        return nil
    }

    /// getgrnam_r(3)
    private static func groupExists(_ name: String) -> Bool {
        var entry = group()
        var found: UnsafeMutablePointer<group>?
        var buffer = [CChar](repeating: 0, count: 65536)
        return getgrnam_r(name, &entry, &buffer, buffer.count, &found) == 0 && found != nil
    }
}
