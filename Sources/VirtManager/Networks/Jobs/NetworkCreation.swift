package import Hypervisor
package import JSON

/// The arguments of `network.create`: its UUID is chosen before, so that a probe knows ours from another of that name.
package struct NetworkCreation: Sendable, Equatable {
    package var host: HostName
    package var spec: NetworkSpec
    package var autostart: Bool
    package var start: Bool

    package init(host: HostName, spec: NetworkSpec, autostart: Bool, start: Bool) {
        self.host = host
        self.spec = spec
        self.autostart = autostart
        self.start = start
    }

    /// Nobody else may take the name while the job goes on.
    var reservation: String { "network:\(host)/\(spec.name)" }

    package var json: JSONValue {
        ["host": .string(host.text), "network": spec.json, "autostart": .bool(autostart), "start": .bool(start)]
    }

    package init?(json: JSONValue) {
        guard let object = json.objectValue, let host = object["host"]?.stringValue, let spec = NetworkSpec(json: object["network"]),
            let autostart = object["autostart"]?.boolValue, let start = object["start"]?.boolValue
        else { return nil }
        self.init(host: HostName(host), spec: spec, autostart: autostart, start: start)
    }
}

extension NetworkSpec {
    var json: JSONValue {
        [
            "name": .string(name), "uuid": .string(uuid), "mode": .string(mode.rawValue), "bridge": bridge.map(JSONValue.string) ?? .null,
            "cidr": cidr.map(JSONValue.string) ?? .null, "dhcp": dhcp?.json ?? .null,
            "reservations": .array(
                reservations.map {
                    ["mac": .string($0.mac), "address": .string($0.address), "hostname": $0.hostname.map(JSONValue.string) ?? .null]
                }),
        ]
    }

    init?(json: JSONValue?) {
        guard let object = json?.objectValue, let name = object["name"]?.stringValue, let uuid = object["uuid"]?.stringValue,
            let mode = object["mode"]?.stringValue.flatMap(Mode.init(rawValue:))
        else { return nil }
        let kept = object["reservations"]?.arrayValue ?? []
        self.init(
            name: name, uuid: uuid, mode: mode, bridge: object["bridge"]?.stringValue, cidr: object["cidr"]?.stringValue,
            dhcp: DHCPRange(json: object["dhcp"]),
            reservations: kept.compactMap { value in
                guard let mac = value["mac"]?.stringValue, let address = value["address"]?.stringValue else { return nil }
                return DHCPReservation(mac: mac, address: address, hostname: value["hostname"]?.stringValue)
            })
    }

    /// The definition of a network that is there, as far as it can be written again; nil for modes that are not made here.
    init?(_ seen: NetworkObservation) {
        guard let uuid = seen.uuid, let mode = Mode(rawValue: seen.mode) else { return nil }
        self.init(
            name: seen.name, uuid: uuid, mode: mode, bridge: seen.bridge, cidr: seen.cidr, dhcp: seen.dhcp, reservations: seen.reservations)
    }
}
