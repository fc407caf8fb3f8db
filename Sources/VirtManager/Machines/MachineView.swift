package import Hypervisor
internal import JSON
package import JobQueue
internal import Platform

/// A machine as the API shows it: what its host said last, and what we know besides. Immutable; a change makes a new one.
package final class MachineView: Sendable {
    /// One disk with its file resolved to a volume.
    package struct Disk: Sendable, Equatable {
        package var observation: DiskObservation
        package var volume: VolumeReference?
        package var capacityBytes: Int64?
        package var backing: VolumeReference?
        package var isOwned: Bool
    }

    package let host: HostName
    package let observation: MachineObservation
    package let disks: [Disk]
    package let bootKernel: VolumeReference?
    package let bootInitrd: VolumeReference?
    /// The hardware of the next boot; nil if that has nothing else.
    package let nextBoot: HardwareForm?
    /// What the next boot has otherwise.
    package let pending: [HardwareField]
    package let addresses: [ObservedAddress]
    /// What networks' DHCP servers keep for its cards, by MAC.
    package let reservedAddresses: [String: String]
    package let activeJob: JobID?
    package let isStale: Bool
    /// Whether this installation of Gantry made it.
    package let isManaged: Bool
    /// Grows over the whole fleet with each change of any machine: two views of one machine with one version are equal.
    package let version: UInt64

    package var id: MachineID { observation.id }
    package var name: String { observation.name }
    package var state: RunState { observation.state }
    package var labels: [String: String] { observation.metadata?.labels ?? [:] }
    /// The cloud-init seed that was made with it.
    package var seed: Disk? {
        disks.last { $0.isOwned && $0.observation.isReadOnly && $0.volume?.volume.hasSuffix(".seed.iso") == true }
    }
    /// The hardware as it is.
    package var form: HardwareForm {
        HardwareForm(hardware: observation.hardware, disks: disks, bootKernel: bootKernel, bootInitrd: bootInitrd)
    }
    package var path: String { Self.path(id) }

    /// The address that its network keeps for a card.
    package func reservedAddress(of nic: NICObservation) -> String? { reservedAddresses[nic.mac] }

    package static func path(_ id: MachineID) -> String { "/v1/vms/\(id)" }

    init(
        host: HostName, observation: MachineObservation, disks: [Disk], bootKernel: VolumeReference?, bootInitrd: VolumeReference?,
        next: HardwareForm? = nil, addresses: [ObservedAddress], reservedAddresses: [String: String] = [:], activeJob: JobID?,
        isStale: Bool, isManaged: Bool,
        version: UInt64
    ) {
        self.host = host
        self.observation = observation
        self.disks = disks
        self.bootKernel = bootKernel
        self.bootInitrd = bootInitrd
        let now = HardwareForm(hardware: observation.hardware, disks: disks, bootKernel: bootKernel, bootInitrd: bootInitrd)
        pending = next?.differences(from: now, memoryAtStart: observation.memoryAtStartBytes) ?? []
        nextBoot = pending.isEmpty ? nil : next
        self.addresses = addresses
        self.reservedAddresses = reservedAddresses
        self.activeJob = activeJob
        self.isStale = isStale
        self.isManaged = isManaged
        self.version = version
    }

    /// The actions that make sense in this state.
    package var allowedActions: [MachineAction] { MachineAction.allCases.filter { $0.isAllowed(in: state) } }
}
