import Foundation
import JSON
import TestSupport
import Testing

extension CellKind {
    private static let network = "/v1/networks/st-cell-net"
    private static let pool = "/v1/pools/st-cell-pool"

    private static let newNetwork: JSONValue = [
        "name": "st-cell-net", "mode": "isolated", "cidr": "192.168.178.1/24",
        "dhcp": ["start": "192.168.178.10", "end": "192.168.178.20"],
    ]
    private static let newPool: JSONValue = ["name": "st-cell-pool", "type": "dir", "path": "/var/lib/libvirt/st-cell-pool"]

    /// Nothing of the machines' cells, so that all have the same beginning.
    static func withoutMachine(_ daemon: DaemonProcess) async throws {
        try await daemon.delete("\(vm)?missing=ok&wait=30s").require(204)
        try await daemon.delete("\(volume)?missing=ok&wait=30s").require(204)
    }

    /// No network nor pool of these cells.
    static func withoutPlaces(_ daemon: DaemonProcess) async throws {
        try await emptyFolder()
        for path in [network, pool] { try await daemon.delete("\(path)?missing=ok&wait=30s").require(204) }
    }

    /// Changes of a network and of a pool that run and start with their host.
    static let placeEdits: [CellKind] = [
        CellKind(
            name: "network.update",
            prepare: { daemon in
                try await withoutMachine(daemon)
                if try await daemon.get(network).status == 404 {
                    try await daemon.post("/v1/networks?wait=30s", newNetwork).require(201)
                } else {
                    let back: JSONValue = [
                        "cidr": "192.168.178.1/24", "dhcp": ["start": "192.168.178.10", "end": "192.168.178.20"], "active": true,
                        "autostart": true,
                    ]
                    try await daemon.send("PATCH", "\(network)?wait=30s", back).require(200)
                }
            },
            request: { daemon, key, query in
                let edit: JSONValue = [
                    "cidr": "192.168.179.1/24", "dhcp": ["start": "192.168.179.10", "end": "192.168.179.20"], "autostart": false,
                ]
                return try await daemon.send("PATCH", "\(network)?\(query)", edit, key: key)
            },
            done: CellWorld(places: ["st-cell-net active no yes"]), undone: CellWorld(places: ["st-cell-net active yes yes"]),
            check: { daemon, _ in
                let seen = try await daemon.get(network)
                return seen["cidr"] == "192.168.179.1/24" && seen["dhcp"]?["start"] == "192.168.179.10" ? nil : "\(seen)"
            }),
        CellKind(
            name: "pool.update", prepare: havePool,
            request: { try await $0.send("PATCH", "\(pool)?\($2)", ["active": false, "autostart": false], key: $1) },
            done: CellWorld(places: ["st-cell-pool inactive no"]), undone: CellWorld(places: ["st-cell-pool active yes"])),
        CellKind(
            name: "pool.refresh", prepare: havePool,
            request: { daemon, key, query in
                // A file that another tool has put there.
                try Data(key.utf8).write(to: URL(filePath: "\(try await folder())/\(key).img"))
                return try await daemon.post("\(pool)/refresh?\(query)", key: key)
            },
            done: CellWorld(places: ["st-cell-pool active yes"]), undone: CellWorld(places: ["st-cell-pool active yes"]),
            check: { daemon, key in
                let names = try await daemon.get("\(pool)/volumes").items.compactMap { $0["name"]?.stringValue }
                return names.contains("\(key).img") ? nil : "\(names)"
            }),
    ]

    private static func havePool(_ daemon: DaemonProcess) async throws {
        try await daemon.delete("\(network)?missing=ok&wait=30s").require(204)
        if try await daemon.get(pool).status == 404 {
            try await daemon.post("/v1/pools?wait=30s", newPool).require(201)
        } else {
            try await daemon.send("PATCH", "\(pool)?wait=30s", ["active": true, "autostart": true]).require(200)
        }
        try await emptyFolder()
    }

    /// The pool's folder, by its path outside the host.
    private static func folder() async throws -> String { try await SystemLab.shared.host().images + "/../st-cell-pool" }

    private static func emptyFolder() async throws {
        let folder = try await folder()
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
            try FileManager.default.removeItem(atPath: "\(folder)/\(name)")
        }
    }

    /// Kinds whose effect is a network or a pool.
    static let places: [CellKind] = [
        CellKind(
            name: "network.create",
            prepare: {
                try await withoutMachine($0)
                try await $0.delete("\(network)?missing=ok&wait=30s").require(204)
            }, request: { try await $0.send("POST", "/v1/networks?\($2)", newNetwork, key: $1) },
            done: CellWorld(places: ["st-cell-net active yes yes"]), undone: CellWorld()),
        CellKind(
            name: "network.delete",
            prepare: { daemon in
                if try await daemon.get(network)["active"] != true {
                    try await daemon.delete("\(network)?missing=ok&wait=30s").require(204)
                    try await daemon.post("/v1/networks?wait=30s", newNetwork).require(201)
                }
            }, request: { try await $0.send("DELETE", "\(network)?\($2)", key: $1) },
            done: CellWorld(), undone: CellWorld(places: ["st-cell-net active yes yes"])),
        CellKind(
            name: "pool.create",
            prepare: {
                try await $0.delete("\(network)?missing=ok&wait=30s").require(204)
                try await $0.delete("\(pool)?missing=ok&wait=30s").require(204)
            }, request: { try await $0.send("POST", "/v1/pools?\($2)", newPool, key: $1) },
            done: CellWorld(places: ["st-cell-pool active yes"]), undone: CellWorld()),
        CellKind(
            name: "pool.delete",
            prepare: { daemon in
                if try await daemon.get(pool)["active"] != true {
                    try await daemon.delete("\(pool)?missing=ok&wait=30s").require(204)
                    try await daemon.post("/v1/pools?wait=30s", newPool).require(201)
                }
            }, request: { try await $0.send("DELETE", "\(pool)?\($2)", key: $1) },
            done: CellWorld(), undone: CellWorld(places: ["st-cell-pool active yes"])),
    ]
}
