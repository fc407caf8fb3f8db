internal import HTTPServer
internal import JSON
internal import VirtManager

/// `/v1/vms/{vm}/disks`.
struct DiskHandlers: Sendable {
    let devices: DeviceService
    let machines: MachineService
    let encoder: ResourceEncoder

    static let shape = ListShape(
        fields: [
            "type", "vm", "target", "device", "bus", "pool", "volume", "format", "capacity_bytes", "backing", "boot_order", "read_only",
            "owned", "serial", "cache", "pending",
        ], filters: ["target", "device", "bus", "pool", "volume"], sorts: ["target"], tie: [])

    private static let host = QueryParameter.value("host")
    private var match: MachineMatch { MachineMatch(machines: machines, encoder: encoder) }

    var routes: [Route] {
        let all = "/v1/vms/{vm}/disks"
        return [
            .get(all, [Self.host] + Self.shape.parameters) { exchange, query in
                let host = query.text("host")
                let list = ListQuery(query, Self.shape)
                try query.finish()
                let machine = try machines.get(exchange.name("vm"), host: host)
                return ListAnswer.make(exchange, devices.disks(machine).map { encoder.object($0) }, list)
            },
            .change(.post, all, [Self.host], body: .required) { change in
                let host = change.query.text("host")
                try change.query.finish()
                let (machine, mutation) = try match.machine(change, host: host)
                return result(try await devices.attachDisk(machine, change.object, mutation))
            },
            .get("\(all)/{target}", [Self.host, .value("fields")]) { exchange, query in
                let host = query.text("host")
                let fields = query.words("fields", allowed: Self.shape.fields)
                try query.finish()
                let machine = try machines.get(exchange.name("vm"), host: host)
                return ResourceAnswer.tagged(exchange, encoder.object(try devices.disk(exchange.name("target"), of: machine)), fields)
            },
            .change(.patch, "\(all)/{target}", [Self.host], body: .required) { change in
                let host = change.query.text("host")
                try change.query.finish()
                let (machine, target, mutation) = try matching(change, host)
                return result(try await devices.updateDisk(machine, target, change.object, mutation))
            },
            .change(.delete, "\(all)/{target}", [Self.host, .value("volume"), .value("missing")], body: .none) { change in
                let host = change.query.text("host")
                let volume = change.query.choice("volume", ["keep", "delete"]) ?? "keep"
                let missingOK = change.query.choice("missing", ["ok", "fail"]) == "ok"
                try change.query.finish()
                let (machine, target, mutation) = try matching(change, host)
                return result(
                    try await devices.detachDisk(machine, target, volume: volume, missingOK: missingOK, mutation))
            },
        ]
    }

    private func result(_ outcome: Outcome<MachineView>) -> ChangeResult { ChangeResult(outcome) { encoder.object($0) } }

    /// The machine and the disk that are meant; `If-Match` is about the disk.
    private func matching(_ change: Change, _ host: String?) throws -> (MachineView, String, Mutation) {
        let target = change.exchange.name("target")
        let (machine, mutation) = try match.device(change, host: host) { [devices] machine throws(ServiceError) in
            try devices.disk(target, of: machine)
        }
        return (machine, target, mutation)
    }
}
