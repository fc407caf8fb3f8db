import Foundation
import JSON
import Platform
import TestSupport
import Testing

/// The two lab hosts that all system tests share, clean at the first use, with kernel, initramfs and disk of the tiny guest
/// in the first host's pool.
actor SystemLab {
    static let shared = SystemLab()

    /// Everything that these tests make begins with it.
    static let prefix = "st-"
    static let kernel = "st-boot-vmlinuz"
    static let initrd = "st-boot-initrd"
    static let base = "st-boot-base.qcow2"

    let lab = Lab.shared
    private var preparation: Task<[LabHost], any Error>?
    private var uploads: Task<Void, any Error>?

    /// Hosts 1 and 2 with a pool and a network, and nothing left of earlier runs.
    func hosts() async throws -> [LabHost] {
        if let preparation { return try await preparation.value }
        let task = Task {
            let hosts = [try await lab.host(2), try await lab.host(1)].reversed().map(\.self)
            for host in hosts {
                try await host.ensureDefaults()
                try await Self.clean(host)
            }
            return hosts
        }
        preparation = task
        return try await task.value
    }

    func host() async throws -> LabHost { try #require(try await hosts().first) }

    /// A daemon on both hosts, `h1` (the default) and `h2`; started, and gone with the last reference.
    func daemon(state: String? = nil, hosts count: Int = 1) async throws -> DaemonProcess {
        let daemon = try await idleDaemon(state: state, hosts: count)
        try await daemon.start()
        return daemon
    }

    /// The same, not yet started.
    func idleDaemon(state: String? = nil, hosts count: Int = 1) async throws -> DaemonProcess {
        try DaemonProcess(hosts: try await hosts().prefix(count).map { ("h\($0.number)", $0.uri) }, state: state)
    }

    /// The guest's boot volumes in the pool of host 1, uploaded over the API once.
    func bootVolumes() async throws {
        if let uploads { return try await uploads.value }
        let task = Task {
            let guest = try await lab.builtGuest()
            let daemon = try await daemon()
            for (file, name, format) in [
                (guest.kernel, Self.kernel, "raw"), (guest.initrd, Self.initrd, "raw"), (guest.disk, Self.base, "qcow2"),
            ] {
                try await Self.upload(file, as: name, format: format, over: daemon)
            }
            try await daemon.terminate()
        }
        uploads = task
        try await task.value
    }

    /// Makes a volume of the first host's pool from a file.
    static func upload(_ file: String, as name: String, format: String, over daemon: DaemonProcess) async throws {
        let bytes = Array(try Data(contentsOf: URL(filePath: file)))
        let digest = SHA256.hexadecimalDigest(of: bytes)
        let path = "/v1/pools/default/volumes/\(name)"
        let answer = try await daemon.client.send("PUT", "\(path)/content?sha256=\(digest)&format=\(format)", body: bytes)
        try answer.require(201)
        try #require(answer["sha256"]?.stringValue == digest, "\(answer)")
        try #require(answer["format"]?.stringValue == format, "\(answer)")
    }

    /// Takes away what bears our prefix, and helper machines.
    private static func clean(_ host: LabHost) async throws {
        for name in try await host.virsh("list", "--all", "--name").split(whereSeparator: \.isWhitespace)
        where name.hasPrefix(prefix) || name.hasPrefix("gantry-work-") {
            _ = try await host.tryVirsh("destroy", String(name))
            _ = try await host.tryVirsh("undefine", "--nvram", String(name))
        }
        for file in try FileManager.default.contentsOfDirectory(atPath: host.images) where file.hasPrefix(prefix) {
            try FileManager.default.removeItem(atPath: "\(host.images)/\(file)")
        }
        try await host.virsh("pool-refresh", "default")
        for name in try await host.virsh("net-list", "--all", "--name").split(whereSeparator: \.isWhitespace) where name.hasPrefix(prefix) {
            _ = try await host.tryVirsh("net-destroy", String(name))
            _ = try await host.tryVirsh("net-undefine", String(name))
        }
        for name in try await host.virsh("pool-list", "--all", "--name").split(whereSeparator: \.isWhitespace) where name.hasPrefix(prefix)
        {
            _ = try await host.tryVirsh("pool-destroy", String(name))
            _ = try await host.tryVirsh("pool-undefine", String(name))
        }
    }
}
