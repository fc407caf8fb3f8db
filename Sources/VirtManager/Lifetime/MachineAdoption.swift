package import Hypervisor
package import JSON

/// The arguments of `vm.adopt`.
package struct MachineAdoption: Sendable, Equatable {
    package var host: HostName
    package var id: MachineID
    /// The name it has from then on.
    package var name: String
    /// The name it had.
    package var oldName: String
    package var labels: [String: String]
    package var ownedVolumes: [VolumeReference]
    package var createdAtMilliseconds: Int64

    package var isRenamed: Bool { name != oldName }

    package var json: JSONValue {
        [
            "host": .string(host.text), "id": .string(id.text), "name": .string(name), "old_name": .string(oldName),
            "labels": .object(JSONObject(labels.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })),
            "owned": .array(ownedVolumes.map(\.json)), "created_at_ms": .integer(createdAtMilliseconds),
        ]
    }

    package init(
        host: HostName, id: MachineID, name: String, oldName: String, labels: [String: String], ownedVolumes: [VolumeReference],
        createdAtMilliseconds: Int64
    ) {
        self.host = host
        self.id = id
        self.name = name
        self.oldName = oldName
        self.labels = labels
        self.ownedVolumes = ownedVolumes
        self.createdAtMilliseconds = createdAtMilliseconds
    }

    package init?(json: JSONValue) {
        guard let object = json.objectValue, let host = object["host"]?.stringValue,
            let id = object["id"]?.stringValue.flatMap({ MachineID($0) }), let name = object["name"]?.stringValue
        else { return nil }
        self.init(
            host: HostName(host), id: id, name: name, oldName: object["old_name"]?.stringValue ?? name,
            labels: object["labels"]?.objectValue.map(MachineCreation.labels) ?? [:],
            ownedVolumes: (object["owned"]?.arrayValue ?? []).compactMap { VolumeReference(json: $0) },
            createdAtMilliseconds: object["created_at_ms"]?.integerValue ?? 0)
    }
}
