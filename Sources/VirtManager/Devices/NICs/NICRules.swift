internal import Hypervisor
internal import JSON

/// What network cards are refused for.
enum NICRules {
    static func unknown(_ mac: String, _ machine: MachineObservation) -> ServiceError {
        let present = Set(machine.hardware.nics.map(\.mac)).union(machine.defined.nics.map(\.mac)).sorted()
        return ServiceError(
            "nic.not_found", .notFound, "VM '\(machine.name)' has no network card '\(mac.prefix(64))'",
            hints: [present.isEmpty ? "it has none" : "it has \(present.joined(separator: ", "))"])
    }

    static func missing(_ network: String, _ host: HostName) -> ServiceError {
        ServiceError("network.not_found", .notFound, "there is no network '\(network)' on host '\(host)'")
    }

    static func inactive(_ network: String, _ host: HostName) -> ServiceError {
        ServiceError(
            "network.inactive", .state, "network '\(network)' on host '\(host)' is not active", hints: ["start the network first"])
    }

    static func taken(_ mac: String, by machine: String) -> ServiceError {
        ServiceError("nic.mac_in_use", .conflict, "the MAC address \(mac) is used by VM '\(machine)'")
    }
}
