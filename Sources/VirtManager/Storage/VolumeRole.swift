internal import Hypervisor

/// What a volume is for: by who uses it and how, else by the names that Gantry gives to what belongs to a VM.
package enum VolumeRole: String, Sendable, CaseIterable {
    case disk, image, memory, nvram, seed, console, kernel

    init(of volume: VolumeObservation, users: [MachineView]) {
        let hardware = users.flatMap(\.observation.everyHardware)
        let path = volume.path
        let disks = hardware.flatMap(\.disks).filter { $0.device == "disk" && ($0.path == path || $0.volume == volume.reference) }
        let named = Self(name: volume.reference.volume)
        if hardware.contains(where: { $0.boot?.kernelPath == path || $0.boot?.initrdPath == path }) {
            self = .kernel
        } else if hardware.contains(where: { $0.consoleLogPath == path }) {
            self = .console
        } else if hardware.contains(where: { $0.firmware.nvramPath == path }) {
            self = .nvram
        } else if named == .seed, disks.allSatisfy(\.isReadOnly) {
            self = .seed
        } else if !disks.isEmpty {
            self = .disk
        } else {
            self = named ?? .image
        }
    }

    /// `NAME-SHORT.console.log` and such, with the short id of the job that made the VM.
    private init?(name: String) {
        let endings: [(String, VolumeRole)] = [
            (".nvram.fd", .nvram), (".seed.iso", .seed), (".console.log", .console), (".memory", .memory),
        ]
        guard let ending = endings.first(where: { name.hasSuffix($0.0) }) else { return nil }
        self = ending.1
    }
}
