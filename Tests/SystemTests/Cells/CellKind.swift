import JSON
import TestSupport
import Testing

/// A kind of job as the crash cells run it: what has to be there, what is asked for, and what the host must have at the end.
struct CellKind: Sendable {
    let name: String
    /// Brings the world to where the request makes sense, and takes away what the last cell made.
    let prepare: @Sendable (DaemonProcess) async throws -> Void
    /// Sends the request with this key and query.
    let request: @Sendable (DaemonProcess, _ key: String, _ query: String) async throws -> HTTPAnswer
    /// The host after a success, and after a failure or cancel.
    let done: CellWorld
    let undone: CellWorld
    /// More that must hold after a success; answers what does not.
    var check: @Sendable (DaemonProcess, _ key: String) async throws -> String? = { _, _ in nil }
    /// Places where an end of the daemon ends the job too, as what it needs is gone with the daemon.
    var lostAt: @Sendable (_ site: String) -> Bool = { _ in false }
    /// Whether a dry run tells the steps of its job.
    var isPlanned = true
    /// Whether its job has the key of the request; else it is the latest of its kind.
    var hasKey = true

    static let machine = "st-cell"
    static let vm = "/v1/vms/st-cell"
    static let volume = "/v1/pools/default/volumes/st-cell-volume.qcow2"

    static let all: [CellKind] =
        [create] + power + [update, adopt] + many + [delete, volumeCreate, volumeDelete, upload] + places

    // MARK: Machines

    static let body: JSONValue = [
        "name": .string(machine), "memory": "32MiB", "nics": [], "disks": [["size": "1MiB"]], "start": true, "wait_for": ["running"],
    ]

    /// The same, never started.
    static let idle: JSONValue = ["name": .string(machine), "memory": "32MiB", "nics": [], "disks": [["size": "1MiB"]]]

    private static let create = CellKind(
        name: "vm.create",
        prepare: { try await $0.delete("\(vm)?missing=ok&wait=30s").require(204) },
        request: { try await $0.send("POST", "/v1/vms?\($2)", body, key: $1) },
        done: .machine("running"), undone: CellWorld())

    /// The machine is there and in this state.
    static func have(_ state: String) -> @Sendable (DaemonProcess) async throws -> Void {
        { daemon in
            let seen = try await daemon.get(vm)
            if seen.status == 404 { try await daemon.post("/v1/vms?wait=60s", body).require(201) }
            var actions: [String] = []
            switch (seen["state"]?.stringValue ?? "running", state) {
            case ("stopped", "running"), ("saved", "running"): actions = ["start"]
            case ("stopped", "paused"), ("saved", "paused"): actions = ["start", "pause"]
            case ("saved", "stopped"): actions = ["start", "stop"]
            case ("paused", "running"): actions = ["resume"]
            case ("running", "paused"): actions = ["pause"]
            case ("running", "stopped"), ("paused", "stopped"): actions = ["stop"]
            default: break
            }
            for action in actions { try await daemon.post("\(vm)/\(action)?wait=30s").require(200) }
        }
    }

    private static func power(_ action: String, from: String, to: String, _ options: JSONValue? = nil) -> CellKind {
        CellKind(
            name: "vm.\(action)", prepare: have(from), request: { try await $0.send("POST", "\(vm)/\(action)?\($2)", options, key: $1) },
            done: .machine(CellWorld.words[to] ?? to), undone: .machine(CellWorld.words[from] ?? from))
    }

    private static let power: [CellKind] =
        [
            power("start", from: "stopped", to: "running", ["wait_for": ["running"]]),
            power("shutdown", from: "running", to: "stopped", ["grace": "0s"]),
            power("stop", from: "running", to: "stopped"), power("pause", from: "running", to: "paused"),
            power("resume", from: "paused", to: "running"), power("save", from: "running", to: "saved"),
        ]
        + [
            power("reboot", from: "running", to: "running", ["grace": "0s", "wait_for": ["running"]]),
            power("reset", from: "running", to: "running"),
        ]
        .map { kind in
            var kind = kind
            kind.check = { daemon, key in
                let started = try await daemon.get(vm)["started_at"]?.stringValue ?? ""
                let asked = try await daemon.get("/v1/jobs?key=\(key)").items.first?["created_at"]?.stringValue ?? "never"
                return started >= asked ? nil : "was started at \(started), before it was asked for at \(asked)"
            }
            return kind
        }

    private static let update = CellKind(
        name: "vm.update", prepare: have("running"),
        request: { try await $0.send("PATCH", "\(vm)?\($2)", ["description": .string($1), "labels": ["cell": .string($1)]], key: $1) },
        done: .machine("running"), undone: .machine("running"),
        check: { daemon, key in
            let seen = try await daemon.get(vm)
            return seen["description"]?.stringValue == key && seen["labels"]?["cell"]?.stringValue == key ? nil : "\(seen)"
        })

    private static let delete = CellKind(
        name: "vm.delete", prepare: have("running"), request: { try await $0.send("DELETE", "\(vm)?\($2)", key: $1) },
        done: CellWorld(), undone: .machine("running"))

    // MARK: Volumes

    private static let volumeCreate = CellKind(
        name: "volume.create",
        prepare: {
            try await $0.delete("\(vm)?missing=ok&wait=30s").require(204)
            try await $0.delete("\(volume)?missing=ok&wait=30s").require(204)
        },
        request: { try await $0.send("POST", "/v1/pools/default/volumes?\($2)", newVolume, key: $1) },
        done: .volume, undone: CellWorld())

    private static let volumeDelete = CellKind(
        name: "volume.delete",
        prepare: { daemon in
            if try await daemon.get(volume).status == 404 {
                try await daemon.post("/v1/pools/default/volumes?wait=30s", newVolume).require(201)
            }
        },
        request: { try await $0.send("DELETE", "\(volume)?\($2)", key: $1) },
        done: CellWorld(), undone: .volume)

    static let newVolume: JSONValue = ["name": "st-cell-volume.qcow2", "size": "1MiB", "format": "qcow2"]

    /// The bytes come from a caller who is cut off by the daemon's end: before they are all recorded, nothing is kept.
    private static let upload = CellKind(
        name: "volume.upload",
        prepare: { try await $0.delete("\(volume)?missing=ok&wait=30s").require(204) },
        request: { daemon, key, query in
            try await daemon.client.send(
                "PUT", "\(volume)/content?format=raw&\(query)", fields: [("Idempotency-Key", key)],
                body: [UInt8](repeating: 7, count: 300_000))
        },
        done: .volume, undone: CellWorld(),
        lostAt: { site in
            !site.hasPrefix("volume.upload/publish/") && site != "volume.upload/receive/after-outcome"
        })
}

/// What the host has of a cell, without the parts of names that differ each time.
struct CellWorld: Equatable, Sendable, CustomStringConvertible {
    var machine: String?
    var volumes: [String] = []
    /// Networks and pools, with what virsh says of them.
    var places: [String] = []
    var isListedAsOnDisk = true

    /// The API's word for a state, in virsh's words.
    static let words = ["stopped": "shut off", "saved": "shut off"]
    static let volume = CellWorld(volumes: ["st-cell-volume.qcow2"])
    static func machine(_ state: String) -> CellWorld { CellWorld(machine: state, volumes: ["console", "disk"]) }

    static func look(at host: LabHost) async throws -> CellWorld {
        let world = try await HostWorld.look(at: host, prefix: CellKind.machine)
        let lists = try await host.virsh("net-list --all; pool-list --all").split(separator: "\n")
        let places = lists.map { $0.split(separator: " ").joined(separator: " ") }.filter { $0.hasPrefix(CellKind.machine) }
        let names = world.volumes.map { name -> String in
            if name.hasPrefix("\(CellKind.machine)-vdb-") { return "second disk" }
            return name.hasPrefix("\(CellKind.machine)-vda-") ? "disk" : name.contains("console") ? "console" : name
        }
        return CellWorld(
            machine: world.machines.count > 1 ? "\(world.machines)" : world.machines.values.first, volumes: names.sorted(),
            places: places.sorted(),
            isListedAsOnDisk: world.files == world.volumes)
    }

    var description: String {
        "machine \(machine ?? "none"), volumes \(volumes), \(places)\(isListedAsOnDisk ? "" : ", other files than listed")"
    }
}
