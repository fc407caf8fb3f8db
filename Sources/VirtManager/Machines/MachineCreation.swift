package import Hypervisor
package import JSON

/// The arguments of a `vm.create` job: a draft with every name, id and address chosen, as it stands in the queue.
package struct MachineCreation: Sendable, Equatable {
    /// One network card, and the address to be kept for it.
    package struct NIC: Sendable, Equatable {
        package var spec: NICSpec
        package var ip: String?

        package init(_ spec: NICSpec, ip: String? = nil) {
            self.spec = spec
            self.ip = ip
        }
    }
    package var host: HostName
    package var id: MachineID
    package var name: String
    package var vcpus: Int
    package var vcpusMax: Int
    package var memoryBytes: Int64
    package var memoryMaxBytes: Int64
    package var cpu: String?
    package var machineType: String?
    package var accel: String
    package var firmware: FirmwareChoice
    /// Keeps the firmware's variables; the hypervisor makes it at the first start.
    package var nvram: VolumeReference?
    package var hasTPM: Bool
    package var boot: MachineDraft.Boot?
    package var disks: [Disk]
    package var nics: [NIC]
    package var console: VolumeReference?
    package var labels: [String: String]
    package var description: String
    package var autostart: Bool
    package var expiresAtMilliseconds: Int64?
    package var start: Bool
    package var waitFor: [String]
    package var waitTimeoutMilliseconds: Int64

    /// Volumes that are deleted with the machine.
    package var ownedVolumes: [VolumeReference] { disks.filter(\.isMade).compactMap(\.volume) + [console, nvram].compactMap(\.self) }

    /// What nobody else may take while this is being made: the name, and the addresses to be kept.
    package var reservations: [String] {
        ["vm:\(name)"] + nics.compactMap { nic in nic.ip.map { "address:\(host)/\(nic.spec.network)/\($0)" } }
    }

    /// Whether a draft wishes the same machine.
    package func isAsked(by draft: MachineDraft) -> Bool {
        vcpus == draft.vcpus && vcpusMax == draft.vcpusMax && memoryBytes == draft.memoryBytes && memoryMaxBytes == draft.memoryMaxBytes
            && cpu == draft.cpu && machineType == draft.machineType && accel == draft.accel && firmware == draft.firmware
            && hasTPM == draft.hasTPM && boot == draft.boot && labels == draft.labels && description == draft.description
            && autostart == draft.autostart && start == draft.start && disks.count == draft.disks.count + (draft.cloudInit == nil ? 0 : 1)
            && zip(disks, draft.disks).allSatisfy { $0.device == $1.device && $0.bus == $1.bus }
            && (draft.nics.map { wishes in nics.map(\.spec.network) == wishes.map(\.network) && nics.map(\.ip) == wishes.map(\.ip) } ?? true)
    }
}

extension VolumeReference {
    package var json: JSONValue { .object(JSONObject([("pool", .string(pool)), ("volume", .string(volume))])) }

    package init?(json: JSONValue?) {
        guard let object = json?.objectValue, let pool = object["pool"]?.stringValue, let volume = object["volume"]?.stringValue else {
            return nil
        }
        self.init(pool: pool, volume: volume)
    }
}
