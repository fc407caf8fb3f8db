internal import HTTPServer
internal import JSON
internal import VirtManager

/// `/v1/vms/{vm}/nics`.
struct NICHandlers: Sendable {
    let devices: DeviceService
    let machines: MachineService
    let encoder: ResourceEncoder

    static let shape = ListShape(
        fields: ["type", "vm", "mac", "network", "model", "target", "link", "ip", "addresses", "pending"],
        filters: ["mac", "network", "model"], sorts: ["mac"], tie: [])

    private static let host = QueryParameter.value("host")
    private var match: MachineMatch { MachineMatch(machines: machines, encoder: encoder) }

    var routes: [Route] {
        let all = "/v1/vms/{vm}/nics"
        return [
            .get(all, [Self.host] + Self.shape.parameters) { exchange, query in
                let host = query.text("host")
                let list = ListQuery(query, Self.shape)
                try query.finish()
                let machine = try machines.get(exchange.name("vm"), host: host)
                return ListAnswer.make(exchange, devices.nics(machine).map { encoder.object($0) }, list)
            },
            .change(.post, all, [Self.host], body: .optional) { change in
                let host = change.query.text("host")
                try change.query.finish()
                let (machine, mutation) = try match.machine(change, host: host)
                return result(try await devices.attachNIC(machine, change.object, mutation))
            },
            .get("\(all)/{mac}", [Self.host, .value("fields")]) { exchange, query in
                let host = query.text("host")
                let fields = query.words("fields", allowed: Self.shape.fields)
                try query.finish()
                let machine = try machines.get(exchange.name("vm"), host: host)
                return ResourceAnswer.tagged(exchange, encoder.object(try devices.nic(exchange.name("mac"), of: machine)), fields)
            },
            .change(.patch, "\(all)/{mac}", [Self.host], body: .required) { change in
                let host = change.query.text("host")
                try change.query.finish()
                let (machine, mac, mutation) = try matching(change, host)
                return result(try await devices.updateNIC(machine, mac, change.object, mutation))
            },
            .change(.delete, "\(all)/{mac}", [Self.host, .value("missing")], body: .none) { change in
                let host = change.query.text("host")
                let missingOK = change.query.choice("missing", ["ok", "fail"]) == "ok"
                try change.query.finish()
                let (machine, mac, mutation) = try matching(change, host)
                return result(try await devices.detachNIC(machine, mac, missingOK: missingOK, mutation))
            },
        ]
    }

    private func result(_ outcome: Outcome<MachineView>) -> ChangeResult { ChangeResult(outcome) { encoder.object($0) } }

    /// The machine and the card that are meant; `If-Match` is about the card.
    private func matching(_ change: Change, _ host: String?) throws -> (MachineView, String, Mutation) {
        let mac = change.exchange.name("mac")
        let (machine, mutation) = try match.device(change, host: host) { [devices] machine throws(ServiceError) in
            try devices.nic(mac, of: machine)
        }
        return (machine, mac, mutation)
    }
}
