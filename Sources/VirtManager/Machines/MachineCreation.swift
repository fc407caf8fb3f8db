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

    /// What nobody else may take while this is being made: the name, the MACs of its cards, and the addresses to be kept.
    package var reservations: [String] {
        ["vm:\(name)"] + nics.map { "nic:\($0.spec.mac)" }
            + nics.compactMap { nic in nic.ip.map { "address:\(host)/\(nic.spec.network)/\($0)" } }
    }

    /// Whether a draft wishes the same machine.
    package func isAsked(by draft: MachineDraft) -> Bool {
        let hasItsSize =
            vcpus == draft.vcpus && vcpusMax == draft.vcpusMax && memoryBytes == draft.memoryBytes
            && memoryMaxBytes == draft.memoryMaxBytes
        let hasItsKind =
            cpu == draft.cpu && machineType == draft.machineType && accel == draft.accel && firmware == draft.firmware
            && hasTPM == draft.hasTPM && boot == draft.boot
        let hasItsMarks =
            labels == draft.labels && description == draft.description && autostart == draft.autostart
            && (expiresAtMilliseconds == nil) == (draft.expiry == nil)
        let goesItsWay = (draft.host ?? host.text) == host.text && start == draft.start && waitFor == draft.waitFor
        return hasItsSize && hasItsKind && hasItsMarks && goesItsWay && hasDevices(of: draft)
    }

    private func hasDevices(of draft: MachineDraft) -> Bool {
        let wishes = draft.nics ?? []
        let hasItsCards = draft.nics == nil || nics.count == wishes.count && zip(nics, wishes).allSatisfy { $0.isAsked(by: $1) }
        let count = draft.disks.count + (draft.cloudInit == nil ? 0 : 1)
        return hasItsCards && disks.count == count && zip(disks, draft.disks).allSatisfy { $0.isAsked(by: $1) }
    }
}

extension MachineCreation.Disk {
    func isAsked(by wish: MachineDraft.Disk) -> Bool {
        guard device == wish.device, bus == wish.bus, isReadOnly == wish.isReadOnly, cache == wish.cache, serial == wish.serial,
            bootOrder == wish.bootOrder
        else { return false }
        switch wish.content {
        case .attach(let wanted): return origin == .attach && volume == wanted
        case .drive(let medium): return origin == .drive && volume == medium
        case .empty(let pool, let size): return origin == .empty && volume?.pool == pool && bytes == size
        case .linked(let image, let pool, let size):
            return origin == .linked && from == image && volume?.pool == pool && bytes == size
        case .refused: return false
        }
    }
}

extension MachineCreation.NIC {
    func isAsked(by wish: MachineDraft.NIC) -> Bool {
        spec.network == wish.network && ip == wish.ip && spec.model == wish.model && spec.isLinkUp == wish.isLinkUp
            && (wish.mac ?? spec.mac) == spec.mac
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
