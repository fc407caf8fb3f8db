package import Hypervisor
package import JSON
package import JobQueue

/// The arguments of `vm.delete`: the machine, and the volumes that go with it, chosen at the request.
package struct MachineDeletion: Sendable, Equatable {
    package var host: HostName
    package var id: MachineID
    package var name: String
    package var volumes: [VolumeReference]
    /// The console log; its rotated parts lie beside it.
    package var console: VolumeReference?
    /// Cards for which networks keep addresses.
    package var cards: [Card] = []

    package struct Card: Sendable, Equatable {
        package var mac: String
        package var network: String
    }
    /// The end of its life that this deletion is for, milliseconds since 1970 UTC: if that was moved meanwhile, nothing is done.
    package var expiredAt: Int64?

    package var json: JSONValue {
        [
            "host": .string(host.text), "id": .string(id.text), "name": .string(name), "volumes": .array(volumes.map(\.json)),
            "console": console?.json ?? .null,
            "cards": .array(cards.map { ["mac": .string($0.mac), "network": .string($0.network)] }),
            "expired_at_ms": expiredAt.map(JSONValue.integer) ?? .null,
        ]
    }

    package init(
        host: HostName, id: MachineID, name: String, volumes: [VolumeReference], console: VolumeReference?, cards: [Card] = []
    ) {
        self.host = host
        self.id = id
        self.name = name
        self.volumes = volumes
        self.console = console
        self.cards = cards
    }

    package init?(json: JSONValue) {
        guard let object = json.objectValue, let host = object["host"]?.stringValue,
            let id = object["id"]?.stringValue.flatMap({ MachineID($0) })
        else { return nil }
        self.init(
            host: HostName(host), id: id, name: object["name"]?.stringValue ?? "",
            volumes: (object["volumes"]?.arrayValue ?? []).compactMap { VolumeReference(json: $0) },
            console: VolumeReference(json: object["console"]),
            cards: (object["cards"]?.arrayValue ?? []).compactMap { card in
                guard let mac = card["mac"]?.stringValue, let network = card["network"]?.stringValue else { return nil }
                return Card(mac: mac, network: network)
            })
        expiredAt = object["expired_at_ms"]?.integerValue
    }
}

/// `vm.delete`: stop, undefine, delete the volumes, free the addresses. Forward only: once begun it is brought to its end after any crash.
package struct MachineDeleteJob: JobKind {
    package let name = "vm.delete"
    package let isUndoable = false
    package let takesOver = true
    let world: JobWorld

    package init(_ world: JobWorld) { self.world = world }

    package func steps(_ arguments: JSONValue) throws(JobFailure) -> [JobStep] {
        guard let deletion = MachineDeletion(json: arguments) else { throw unreadableArguments(name) }
        let volumes = VolumeSteps(world: world, host: deletion.host)
        var steps = [check(deletion), PowerSteps(world: world, host: deletion.host, machine: deletion.id).stop(), undefine(deletion)]
        steps += deletion.volumes.enumerated().map { volumes.delete("delete-volume-\($0 + 1)", $1, of: deletion.id) }
        if let console = deletion.console { steps.append(deleteConsole(deletion, console)) }
        let addresses = AddressSteps(world: world, host: deletion.host)
        steps += deletion.cards.enumerated().map { addresses.release("release-\($0 + 1)", mac: $1.mac, on: $1.network) }
        return steps
    }

    /// Finds out before anything is touched whether others stand on the disks: an undefined machine could not tell any more
    /// whose they were.
    private func check(_ deletion: MachineDeletion) -> JobStep {
        JobStep(
            "check", .pure,
            probe: { [world] _ in
                try await world.probe(deletion.host) { host in
                    guard let seen = try await host.refresh(deletion.id) else { return .done }
                    if let end = deletion.expiredAt, seen.metadata?.expiresAtMilliseconds.map({ $0 > end }) ?? true {
                        throw JobFailure("vm.not_expired", category: "state", detail: "its end was moved before it could be deleted")
                    }
                    if deletion.expiredAt != nil, !world.isOurs(seen) {
                        throw JobFailure("vm.not_expired", category: "state", detail: "it is not ours any more")
                    }
                    guard !deletion.volumes.isEmpty else { return .done }
                    try await VolumeSteps(world: world, host: deletion.host).requireUnused(deletion.volumes, goingWith: seen)
                    return .done
                }
            },
            act: { _ in })
    }

    private func undefine(_ deletion: MachineDeletion) -> JobStep {
        JobStep(
            "undefine", .ensure, isPointOfNoReturn: true,
            probe: { [world] _ in
                try await world.probe(deletion.host) { host in try await host.refresh(deletion.id) == nil ? .done : .absent }
            },
            act: { [world] _ in
                let host = try world.host(deletion.host)
                do {
                    try await host.connection.undefine(deletion.id)
                } catch let error as HypervisorError where error.code == .machineNotFound {
                    return
                }
            })
    }

    /// The host's log daemon rotates the file behind the pool's back, so the pool is looked through first.
    private func deleteConsole(_ deletion: MachineDeletion, _ console: VolumeReference) -> JobStep {
        let parts = [console] + (0..<4).map { VolumeReference(pool: console.pool, volume: "\(console.volume).\($0)") }
        return JobStep(
            "delete-console", .ensure,
            probe: { [world] _ in
                try await world.probe(deletion.host) { host in
                    do {
                        for part in parts where try await host.refresh(part) != nil { return .absent }
                        return .done
                    } catch let error as HypervisorError where error.code == .poolNotFound {
                        return .done
                    }
                }
            },
            act: { [world] _ in
                let host = try world.host(deletion.host)
                try await host.connection.refreshPool(console.pool)
                for part in parts where try await host.connection.volume(part) != nil {
                    try await host.connection.deleteVolume(part)
                }
                try await world.volumes.delete(console, on: deletion.host)
            })
    }
}
