package import Hypervisor
package import JSON
package import JobQueue

/// The arguments of `vm.update`. Labels are a merge patch (RFC 7396), applied to what is there when the job runs: two
/// patches in line lose nothing of each other.
package struct MachineUpdate: Sendable, Equatable {
    package var host: HostName
    package var id: MachineID
    package var description: String?
    package var autostart: Bool?
    /// nil values remove.
    package var labels: [String: String?]?

    package init(host: HostName, id: MachineID) {
        self.host = host
        self.id = id
    }

    package var json: JSONValue {
        var object = JSONObject([("host", .string(host.text)), ("id", .string(id.text))])
        if let description { object["description"] = .string(description) }
        if let autostart { object["autostart"] = .bool(autostart) }
        if let labels {
            object["labels"] = .object(
                JSONObject(labels.sorted { $0.key < $1.key }.map { ($0.key, $0.value.map(JSONValue.string) ?? .null) }))
        }
        return .object(object)
    }

    package init?(json: JSONValue) {
        guard let object = json.objectValue, let host = object["host"]?.stringValue,
            let id = object["id"]?.stringValue.flatMap({ MachineID($0) })
        else { return nil }
        self.init(host: HostName(host), id: id)
        description = object["description"]?.stringValue
        autostart = object["autostart"]?.boolValue
        if let patch = object["labels"]?.objectValue {
            var labels: [String: String?] = [:]
            for name in patch.names { labels.updateValue(patch[name]?.stringValue, forKey: name) }
            self.labels = labels
        }
    }

    /// What is to be changed about a machine that is now as `seen`; nil if nothing.
    package func change(of seen: MachineObservation) -> MachineChange? {
        var change = MachineChange()
        if let description, description != seen.description { change.description = description }
        if let autostart, autostart != seen.autostart { change.autostart = autostart }
        if let labels, var metadata = seen.metadata {
            for (key, value) in labels { metadata.labels[key] = value }
            if metadata != seen.metadata { change.metadata = metadata }
        }
        return change == MachineChange() ? nil : change
    }
}

/// `vm.update`: description, labels and autostart, in place.
package struct MachineUpdateJob: JobKind {
    package let name = "vm.update"
    package let isUndoable = false
    let world: JobWorld

    package init(_ world: JobWorld) { self.world = world }

    package func steps(_ arguments: JSONValue) throws(JobFailure) -> [JobStep] {
        guard let update = MachineUpdate(json: arguments) else { throw unreadableArguments(name) }
        return [
            JobStep(
                "update", .ensure,
                probe: { [world] _ in
                    try await world.probe(update.host) { host in
                        guard let seen = try await host.refresh(update.id) else { throw Self.gone(update) }
                        return update.change(of: seen) == nil ? .done : .absent
                    }
                },
                act: { [world] _ in
                    let host = try world.host(update.host)
                    guard let seen = try await host.refresh(update.id) else { throw Self.gone(update) }
                    if let change = update.change(of: seen) { try await host.connection.change(update.id, change) }
                })
        ]
    }

    private static func gone(_ update: MachineUpdate) -> JobFailure {
        JobFailure("vm.not_found", category: "not_found", detail: "the machine \(update.id) is not on host '\(update.host)' any more")
    }

    package func result(_ context: StepContext) async throws -> JSONValue? {
        guard let update = MachineUpdate(json: context.arguments) else { return nil }
        return try await MachineResult(world: world, host: update.host, machine: update.id).json()
    }
}
