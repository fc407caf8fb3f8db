internal import Hypervisor

/// One device of a machine, as edits name it and observations show it.
struct DeviceHandle: Sendable {
    /// `disk` or `nic`: the first part of error codes, and the field of results.
    let noun: String
    /// Its target or MAC.
    let name: String
    /// The edit that takes it away.
    let removal: MachineEdit
    /// Whether it is in that hardware.
    let isIn: @Sendable (MachineHardware) -> Bool
    /// Why another device of that name is in that hardware; nil if none is.
    let obstacle: @Sendable (MachineHardware) -> String?

    /// Whatever lies behind it.
    static func disk(_ target: String) -> DeviceHandle {
        DeviceHandle(
            noun: "disk", name: target, removal: .removeDisk(target: target), isIn: { $0.disk(target) != nil }, obstacle: { _ in nil })
    }

    /// A disk that is to come: known by its volume, as another one may bear its name.
    static func disk(_ disk: MachineCreation.Disk, on host: HostName, _ fleet: Fleet) -> DeviceHandle {
        let target = disk.target
        let isOurs: @Sendable (DiskObservation) -> Bool = { fleet.volume(of: $0, on: host) == disk.volume }
        return DeviceHandle(
            noun: "disk", name: target, removal: .removeDisk(target: target), isIn: { $0.disk(target).map(isOurs) ?? false },
            obstacle: { hardware in
                guard let found = hardware.disk(target), !isOurs(found) else { return nil }
                return "the machine has another disk '\(target)' (\(found.path ?? "empty"))"
            })
    }

    static func nic(_ mac: String) -> DeviceHandle {
        DeviceHandle(
            noun: "nic", name: mac, removal: .removeNIC(mac: mac), isIn: { $0.nic(mac) != nil }, obstacle: { _ in nil })
    }
}
