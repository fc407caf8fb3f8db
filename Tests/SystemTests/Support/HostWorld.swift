import Foundation
import TestSupport

/// What a host really has of machines and volumes whose names begin so, looked up past the daemon.
struct HostWorld: Equatable, Sendable, CustomStringConvertible {
    /// State by name, in virsh's words.
    var machines: [String: String] = [:]
    /// What virsh lists.
    var volumes: Set<String> = []
    /// What lies in the pool's folder.
    var files: Set<String> = []

    static func look(at host: LabHost, prefix: String) async throws -> HostWorld {
        var world = HostWorld()
        let text = try await host.virsh("list --all; vol-list default")
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ").map(String.init)
            // "ID NAME STATE…" for machines, "NAME PATH" for volumes.
            if words.count > 1, words[1].hasPrefix("/") {
                if words[0].hasPrefix(prefix) { world.volumes.insert(words[0]) }
            } else if words.count > 2, words[1].hasPrefix(prefix) {
                world.machines[words[1]] = words.dropFirst(2).joined(separator: " ")
            }
        }
        world.files = Set(try FileManager.default.contentsOfDirectory(atPath: host.images).filter { $0.hasPrefix(prefix) })
        return world
    }

    var isEmpty: Bool { self == HostWorld() }

    var description: String {
        "machines \(machines.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }), volumes \(volumes.sorted())"
            + (files == volumes ? "" : ", files \(files.sorted())")
    }
}
