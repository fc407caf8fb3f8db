internal import Hypervisor
internal import JSON

/// What jobs on a machine answer: `{"vms": [{id, name, href, host, address}]}`, after a fresh look.
struct MachineResult {
    let world: JobWorld
    let host: HostName
    let machine: MachineID

    func json(refreshAddresses: Bool = false) async throws -> JSONValue {
        let managed = try world.host(host)
        let seen = try await managed.refresh(machine)
        if refreshAddresses, let seen { try await managed.refreshAddresses(of: seen) }
        let view = world.fleet.view.machines(id: machine).first { $0.host == host }
        return [
            "vms": [
                [
                    "id": .string(machine.text), "name": .string(seen?.name ?? view?.name ?? ""),
                    "href": .string(MachineView.path(machine)),
                    "host": .string(host.text),
                    "address": (view.flatMap { ObservedAddress.best($0.addresses) }).map(JSONValue.string) ?? .null,
                ]
            ]
        ]
    }
}
