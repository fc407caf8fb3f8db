internal import Hypervisor

/// Puts together what a host shows of its volumes and what the inventory knows of their use. Made for one look: it keeps
/// what it found, so that a long list does not ask every machine for every volume.
struct VolumeStateMaker {
    private let fleet: Fleet
    private let host: HostName
    private var usersByPath: [String: [MachineView]] = [:]
    private var usersByVolume: [VolumeReference: [MachineView]] = [:]
    private var childrenByPath: [String: [VolumeReference]] = [:]

    init(fleet: Fleet, host: HostName) {
        self.fleet = fleet
        self.host = host
        for machine in fleet.view.machines where machine.host == host {
            let hardware = machine.observation.everyHardware
            for path in Set(hardware.flatMap(\.filePaths)) { usersByPath[path, default: []].append(machine) }
            let volumes = machine.disks.compactMap(\.volume) + hardware.flatMap { $0.disks.compactMap(\.volume) }
            for volume in Set(volumes) { usersByVolume[volume, default: []].append(machine) }
        }
        for pool in fleet.pools(host) {
            for volume in fleet.volumes(in: pool.name, on: host) {
                if let backing = volume.backingPath { childrenByPath[backing, default: []].append(volume.reference) }
            }
        }
    }

    func state(_ observed: VolumeObservation, record: VolumeStore.Record?) -> VolumeState {
        let seen = observed.stated(by: record)
        let byPath = usersByPath[seen.path] ?? []
        let users = byPath + (usersByVolume[seen.reference] ?? []).filter { user in !byPath.contains { $0.id == user.id } }
        return VolumeState(
            host: host, observation: seen, role: VolumeRole(of: seen, users: users),
            sha256: record.flatMap { $0.sha256.isEmpty ? nil : $0.sha256 },
            backing: seen.backingPath.flatMap { fleet.volume(at: $0, on: host) }, usedBy: users.map(\.name).sorted(),
            children: (childrenByPath[seen.path] ?? []).sorted().map { $0.pool == seen.reference.pool ? $0.volume : $0.description })
    }
}
