import JSON
import TestSupport
import Testing

extension CellKind {
    /// The other actions on all that a selector chooses.
    static let manyMore: [CellKind] = [
        all("start", from: "stopped", to: "running", ["wait_for": ["running"]]), all("pause", from: "running", to: "paused"),
        all("resume", from: "paused", to: "running"), all("reset", from: "running", to: "running"),
        all("reboot", from: "running", to: "running", ["grace": "0s"]), all("shutdown", from: "running", to: "stopped", ["grace": "0s"]),
        all("save", from: "running", to: "saved"),
    ]

    private static func all(_ action: String, from: String, to: String, _ options: JSONValue? = nil) -> CellKind {
        CellKind(
            name: "vms.\(action)",
            prepare: { daemon in
                // What the cells of a rename left.
                try await daemon.delete("\(vm)-b?missing=ok&wait=30s").require(204)
                try await have(from)(daemon)
            },
            request: { try await $0.send("POST", "/v1/vms/\(action)?name=\(machine)&\($2)", options, key: $1) },
            done: .machine(CellWorld.words[to] ?? to), undone: .machine(CellWorld.words[from] ?? from),
            check: { daemon, _ in
                let seen = try await daemon.get(vm)
                return seen["state"]?.stringValue == to ? nil : "\(seen)"
            })
    }

    /// A machine that virsh made becomes ours.
    static let adopt = CellKind(
        name: "vm.adopt",
        prepare: { daemon in
            let host = try await SystemLab.shared.host()
            try await daemon.delete("\(vm)?missing=ok&wait=30s").require(204)
            try await host.define(xml: host.guestXML(name: machine))
            try await daemon.poll(vm) { $0.status == 200 && $0["managed"] == false }
        },
        request: { try await $0.send("POST", "\(vm)/adopt?\($2)", ["labels": ["cell": .string($1)]], key: $1) },
        done: CellWorld(machine: "shut off"), undone: CellWorld(machine: "shut off"),
        check: { daemon, key in
            let seen = try await daemon.get(vm)
            return seen["managed"] == true && seen["labels"]?["cell"]?.stringValue == key ? nil : "\(seen)"
        })

    /// The same for all that a selector chooses: here that is one.
    static let many: [CellKind] = [
        CellKind(
            name: "vms.stop",
            prepare: { daemon in
                // What the cells of adoption left is not like the others.
                if try await daemon.get(vm)["disks"]?.arrayValue?.isEmpty == true {
                    try await daemon.delete("\(vm)?wait=30s").require(204)
                }
                try await have("running")(daemon)
            },
            request: { try await $0.send("POST", "/v1/vms/stop?name=\(machine)&\($2)", key: $1) },
            done: .machine("shut off"), undone: .machine("running")),
        CellKind(
            name: "vms.delete", prepare: have("running"),
            request: { try await $0.send("DELETE", "/v1/vms?name=\(machine)&\($2)", key: $1) },
            done: CellWorld(), undone: .machine("running")),
    ]
}
