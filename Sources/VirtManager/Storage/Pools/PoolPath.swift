/// Paths of directory pools, judged by their text alone: the daemon need not be on the host, and opens none of them.
package enum PoolPath {
    package static let form = "an absolute path without . and .. parts, at most 1024 bytes"

    /// libvirt keeps its own state here: whoever could list it as volumes could delete it.
    static let reserved = ["qemu", "dnsmasq", "network", "swtpm", "lxc", "ch"].map { "/var/lib/libvirt/\($0)" }

    /// Without doubled or trailing slashes; nil for what is no such path. `..` is refused, not resolved: behind a symbolic
    /// link it leads elsewhere than its text says.
    package static func canonical(_ text: String) -> String? {
        guard text.hasPrefix("/"), text.utf8.count <= 1024, NameRules.isPlainText(text) else { return nil }
        let parts = text.split(separator: "/")
        guard !parts.isEmpty, !parts.contains("."), !parts.contains("..") else { return nil }
        return "/" + parts.joined(separator: "/")
    }

    /// Whether `path` lies below `root`, and is not `root` itself.
    package static func isBelow(_ path: String, _ root: String) -> Bool { root == "/" ? path != "/" : path.hasPrefix(root + "/") }

    /// Whether one is the other or lies in it.
    package static func overlap(_ one: String, _ other: String) -> Bool { one == other || isBelow(one, other) || isBelow(other, one) }
}
