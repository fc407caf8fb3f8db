internal import Hypervisor
internal import JSON

/// What jobs on a machine answer: `{"vms": [{id, name, href, host, address}]}`, as the last step's look left the inventory.
struct MachineResult {
    let world: JobWorld
    let host: HostName
    let machine: MachineID

    func json(refreshAddresses: Bool = false) async throws -> JSONValue {
        let seen = world.fleet.lastSeen(machine, on: host)
        if refreshAddresses, let seen { try await world.host(host).refreshAddresses(of: seen) }
        let view = world.fleet.machines(id: machine).first { $0.host == host }
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
