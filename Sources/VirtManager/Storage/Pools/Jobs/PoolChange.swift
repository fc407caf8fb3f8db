package import Hypervisor
package import JSON

/// The arguments of the jobs on one pool. The UUID of a new one is chosen before, so that a probe knows ours from another.
package struct PoolChange: Sendable, Equatable {
    package var host: HostName
    package var name: String
    /// Of the pool that is meant; another that has its name meanwhile is left alone.
    package var uuid: String?
    /// Of a pool to be made.
    package var path: String?
    package var autostart: Bool?
    package var active: Bool?
    /// As it was when the change was asked for: what an undo goes back to.
    package var wasAutostart = false

    package init(host: HostName, name: String, uuid: String?) {
        self.host = host
        self.name = name
        self.uuid = uuid
    }

    var reservation: String { "pool:\(host)/\(name)" }

    package var json: JSONValue {
        [
            "host": .string(host.text), "name": .string(name), "uuid": uuid.map(JSONValue.string) ?? .null,
            "path": path.map(JSONValue.string) ?? .null, "autostart": autostart.map(JSONValue.bool) ?? .null,
            "active": active.map(JSONValue.bool) ?? .null, "was": ["autostart": .bool(wasAutostart)],
        ]
    }

    package init?(json: JSONValue) {
        guard let object = json.objectValue, let host = object["host"]?.stringValue, let name = object["name"]?.stringValue else {
            return nil
        }
        self.init(host: HostName(host), name: name, uuid: object["uuid"]?.stringValue)
        path = object["path"]?.stringValue
        autostart = object["autostart"]?.boolValue
        active = object["active"]?.boolValue
        wasAutostart = object["was"]?["autostart"]?.boolValue ?? false
    }
}
