import JSON
import Testing

/// Edits of a machine that is there. Of one that is off: its guest would have to take part in an undo.
extension CellKind {
    static let devices: [CellKind] = [diskAttach, diskDetach, diskUpdate, nicAttach, nicDetach, nicUpdate]

    /// Kinds that change what is there. What each leaves is where the next begins.
    static let edits: [CellKind] = devices + [hardware] + manyMore + volumeEdits + placeEdits + [diskMove]

    static let farPool = "st-cell-far"
    private static let disks = "\(vm)/disks"
    private static let card = "\(vm)/nics/52:54:00:c3:11:01"
    private static let off = CellWorld.machine("shut off")
    private static let withSecondDisk = CellWorld(machine: "shut off", volumes: ["console", "disk", "second disk"])

    /// What differs from cell to cell, so that each has something to change: eight digits made of its key.
    private static func digits(_ key: String) -> String {
        let sum = key.utf8.reduce(UInt32(2_166_136_261)) { ($0 ^ UInt32($1)) &* 16_777_619 }
        return "C" + String(sum, radix: 16)
    }

    /// Size and name of one that is off.
    private static let hardware = CellKind(
        name: "vm.update",
        prepare: { daemon in
            if try await daemon.get("\(vm)-b").status == 200 {
                try await daemon.send("PATCH", "\(vm)-b?wait=30s", ["name": .string(machine)]).require(200)
            }
            try await have("stopped")(daemon)
            try await daemon.send("PATCH", "\(vm)?wait=30s", ["vcpus": 1, "vcpus_max": 1, "memory": "32MiB", "memory_max": "32MiB"])
                .require(200)
        },
        request: { daemon, key, query in
            let edit: JSONValue = [
                "name": "st-cell-b", "vcpus": 2, "vcpus_max": 3, "memory": "48MiB", "memory_max": "64MiB", "description": .string(key),
            ]
            return try await daemon.send("PATCH", "\(vm)?\(query)", edit, key: key)
        },
        done: off, undone: off,
        check: { daemon, key in
            let seen = try await daemon.get("\(vm)-b")
            let figures = ["vcpus", "vcpus_max", "memory_bytes", "memory_max_bytes"].map { seen[$0]?.integerValue }
            return figures == [2, 3, 48 << 20, 64 << 20] && seen["description"]?.stringValue == key ? nil : "\(seen)"
        })

    // MARK: Disks

    private static let diskAttach = CellKind(
        name: "disk.attach",
        prepare: { daemon in
            try await have("stopped")(daemon)
            try await daemon.delete("\(disks)/vdb?volume=delete&missing=ok&wait=30s").require(200, 204)
        },
        request: { try await $0.send("POST", "\(disks)?\($2)", ["size": "1MiB"], key: $1) },
        done: withSecondDisk, undone: off,
        check: { daemon, _ in
            let disk = try await daemon.get("\(disks)/vdb")
            return disk["owned"] == true && disk["pending"] == .null ? nil : "\(disk)"
        })

    private static let diskDetach = CellKind(
        name: "disk.detach",
        prepare: { daemon in
            try await have("stopped")(daemon)
            if try await daemon.get("\(disks)/vdb").status == 404 {
                try await daemon.post("\(disks)?wait=30s", ["size": "1MiB"]).require(200)
            }
        },
        request: { try await $0.send("DELETE", "\(disks)/vdb?volume=delete&\($2)", key: $1) },
        done: off, undone: withSecondDisk)

    private static let diskUpdate = CellKind(
        name: "disk.update", prepare: have("stopped"),
        request: { try await $0.send("PATCH", "\(disks)/vda?\($2)", ["serial": .string(digits($1))], key: $1) },
        done: off, undone: off,
        check: { daemon, key in
            let disk = try await daemon.get("\(disks)/vda")
            return disk["serial"]?.stringValue == digits(key) ? nil : "\(disk)"
        })

    /// Through a helper machine. The machine of each cell is a fresh one: moving it back would take another helper.
    private static let diskMove = CellKind(
        name: "disk.move",
        prepare: { daemon in
            try await withoutPlaces(daemon)
            try await withoutMachine(daemon)
            if try await daemon.get("/v1/pools/\(farPool)").status == 404 {
                let pool: JSONValue = ["name": .string(farPool), "path": .string("/var/lib/libvirt/\(farPool)")]
                try await daemon.post("/v1/pools?wait=30s", pool).require(201)
            }
            try await daemon.post("/v1/vms?wait=30s", idle).require(201)
        },
        request: { try await $0.send("PATCH", "\(disks)/vda?\($2)", ["pool": .string(farPool)], key: $1) },
        done: CellWorld(machine: "shut off", volumes: ["console"], places: ["\(farPool) active yes"]),
        undone: CellWorld(machine: "shut off", volumes: ["console", "disk"], places: ["\(farPool) active yes"]),
        check: { daemon, _ in
            let there = try await daemon.get("/v1/pools/\(farPool)/volumes").items
            let disk = try await daemon.get("\(disks)/vda")
            let isRight = there.count == 1 && there[0]["name"] == disk["volume"] && disk["owned"] == true
            return isRight ? nil : "\(disk) and \(there.map(\.text))"
        })

    // MARK: Network cards

    private static let nicAttach = CellKind(
        name: "nic.attach",
        prepare: { daemon in
            try await have("stopped")(daemon)
            try await daemon.delete("\(card)?missing=ok&wait=30s").require(200, 204)
        },
        request: {
            try await $0.send("POST", "\(vm)/nics?\($2)", ["mac": "52:54:00:c3:11:01", "ip": "192.168.122.77"], key: $1)
        },
        done: off, undone: off,
        check: { daemon, _ in
            let nic = try await daemon.get(card)
            return nic["ip"] == "192.168.122.77" ? nil : "\(nic)"
        })

    private static func haveCard(_ link: String) -> @Sendable (DaemonProcess) async throws -> Void {
        { daemon in
            try await have("stopped")(daemon)
            if try await daemon.get(card).status == 404 {
                try await daemon.post("\(vm)/nics?wait=30s", ["mac": "52:54:00:c3:11:01"]).require(200)
            }
            try await daemon.send("PATCH", "\(card)?wait=30s", ["link": .string(link), "ip": .null]).require(200)
        }
    }

    private static let nicDetach = CellKind(
        name: "nic.detach", prepare: haveCard("up"), request: { try await $0.send("DELETE", "\(card)?\($2)", key: $1) },
        done: off, undone: off,
        check: { daemon, _ in
            let nic = try await daemon.get(card)
            return nic.status == 404 ? nil : "\(nic)"
        })

    private static let nicUpdate = CellKind(
        name: "nic.update", prepare: haveCard("up"),
        request: { try await $0.send("PATCH", "\(card)?\($2)", ["link": "down", "ip": "192.168.122.78"], key: $1) },
        done: off, undone: off,
        check: { daemon, _ in
            let nic = try await daemon.get(card)
            return nic["link"] == "down" && nic["ip"] == "192.168.122.78" ? nil : "\(nic)"
        })
}
