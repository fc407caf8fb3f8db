package import Hypervisor
package import JSON

/// What is done to many machines at once.
package enum BulkAction: Sendable, Equatable, CaseIterable {
    case delete
    case power(MachineAction)

    package static let allCases: [BulkAction] = [.delete] + MachineAction.allCases.map(BulkAction.power)

    /// The kind of the job that does it, `vms.stop`.
    package var jobKind: String {
        switch self {
        case .delete: "vms.delete"
        case .power(let action): "vms.\(action.rawValue)"
        }
    }

    package init?(jobKind: String) {
        guard let found = Self.allCases.first(where: { $0.jobKind == jobKind }) else { return nil }
        self = found
    }
}

/// The arguments of a job on many machines: which ones was chosen at the request, and stays so.
package struct BulkWork: Sendable, Equatable {
    package struct Machine: Sendable, Equatable {
        package var id: MachineID
        package var host: HostName
        package var name: String
    }
    package var machines: [Machine]
    /// The body that each machine's own request gets.
    package var options: JSONValue?
    /// For deletion: `owned`, `all` or `none`.
    package var disks: String
    package var failIfBusy: Bool

    package init(machines: [Machine], options: JSONValue? = nil, disks: String = "owned", failIfBusy: Bool = false) {
        self.machines = machines
        self.options = options
        self.disks = disks
        self.failIfBusy = failIfBusy
    }

    package var json: JSONValue {
        let list = machines.map { machine -> JSONValue in
            ["id": .string(machine.id.text), "host": .string(machine.host.text), "name": .string(machine.name)]
        }
        return [
            "machines": .array(list), "options": options ?? .null, "disks": .string(disks), "fail_if_busy": .bool(failIfBusy),
        ]
    }

    package init?(json: JSONValue) {
        guard let object = json.objectValue, let list = object["machines"]?.arrayValue else { return nil }
        let machines = list.compactMap { item -> Machine? in
            guard let id = item["id"]?.stringValue.flatMap({ MachineID($0) }), let host = item["host"]?.stringValue else { return nil }
            return Machine(id: id, host: HostName(host), name: item["name"]?.stringValue ?? "")
        }
        guard machines.count == list.count else { return nil }
        let options = object["options"]
        self.init(
            machines: machines, options: options == .null ? nil : options, disks: object["disks"]?.stringValue ?? "owned",
            failIfBusy: object["fail_if_busy"]?.boolValue ?? false)
    }
}
