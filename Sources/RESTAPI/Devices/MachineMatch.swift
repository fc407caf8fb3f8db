internal import HTTPServer
internal import VirtManager

/// Finds the machine that a change is about, if the client's `If-Match` is about what it is now.
struct MachineMatch: Sendable {
    let machines: MachineService
    let encoder: ResourceEncoder

    func machine(_ change: Change, host: String?) throws -> MachineView {
        let machine = try machines.get(change.exchange.name("vm"), host: host)
        if change.exchange.request.headers.contains("if-match") {
            try Preconditions.requireMatch(change.exchange.request, encoder.object(machine).entityTag)
        }
        return machine
    }
}
