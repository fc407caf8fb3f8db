package import Hypervisor
package import JSON

/// The arguments of `network.update` and `network.delete`.
package struct NetworkChange: Sendable, Equatable {
    package struct Addresses: Sendable, Equatable {
        package var cidr: String
        package var dhcp: DHCPRange?
    }

    package var host: HostName
    package var name: String
    /// Of the network that was meant; another that has its name meanwhile is left alone.
    package var uuid: String?
    package var autostart: Bool?
    package var active: Bool?
    package var addresses: Addresses?
    /// As it was when the change was asked for: what an undo goes back to.
    package var wasActive = false
    package var wasAutostart = false
    package var old: NetworkSpec?

    package init(host: HostName, name: String, uuid: String?) {
        self.host = host
        self.name = name
        self.uuid = uuid
    }

    var isEmpty: Bool { autostart == nil && active == nil && addresses == nil }
    /// Whether guests would be cut off for it.
    var stops: Bool { wasActive && (active == false || addresses != nil) }
    /// Whether it is to run in the end.
    var endsActive: Bool { active ?? wasActive }

    /// Keeps only what differs from the network as it is, and notes what it was.
    mutating func leaveOutWhatIsSo(_ seen: NetworkObservation) {
        wasActive = seen.isActive
        wasAutostart = seen.autostart
        if autostart == seen.autostart { autostart = nil }
        if active == seen.isActive { active = nil }
        if addresses?.isSo(seen) == true { addresses = nil }
        if addresses != nil { old = NetworkSpec(seen) }
    }

    package var json: JSONValue {
        [
            "host": .string(host.text), "name": .string(name), "uuid": uuid.map(JSONValue.string) ?? .null,
            "autostart": autostart.map(JSONValue.bool) ?? .null, "active": active.map(JSONValue.bool) ?? .null,
            "addresses": addresses.map { ["cidr": .string($0.cidr), "dhcp": $0.dhcp?.json ?? .null] } ?? .null,
            "was": ["active": .bool(wasActive), "autostart": .bool(wasAutostart), "spec": old?.json ?? .null],
        ]
    }

    package init?(json: JSONValue) {
        guard let object = json.objectValue, let host = object["host"]?.stringValue, let name = object["name"]?.stringValue else {
            return nil
        }
        self.init(host: HostName(host), name: name, uuid: object["uuid"]?.stringValue)
        autostart = object["autostart"]?.boolValue
        active = object["active"]?.boolValue
        addresses = object["addresses"]?["cidr"]?.stringValue.map {
            Addresses(cidr: $0, dhcp: DHCPRange(json: object["addresses"]?["dhcp"]))
        }
        wasActive = object["was"]?["active"]?.boolValue ?? false
        wasAutostart = object["was"]?["autostart"]?.boolValue ?? false
        old = NetworkSpec(json: object["was"]?["spec"])
    }
}

extension NetworkChange.Addresses {
    func isSo(_ seen: NetworkObservation) -> Bool { seen.cidr == cidr && seen.dhcp == dhcp }
}
