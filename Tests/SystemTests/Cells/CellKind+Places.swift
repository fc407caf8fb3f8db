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
    private static func withoutMachine(_ daemon: DaemonProcess) async throws {
        try await daemon.delete("\(vm)?missing=ok&wait=30s").require(204)
        try await daemon.delete("\(volume)?missing=ok&wait=30s").require(204)
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
