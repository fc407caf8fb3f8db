package import Hypervisor

/// Who uses the volumes of one host, by the inventory: machines, running or defined, and volumes that stand on others.
package struct VolumeUse: Sendable {
    let fleet: Fleet
    let host: HostName

    package init(fleet: Fleet, host: HostName) {
        self.fleet = fleet
        self.host = host
    }

    private var machines: [MachineView] { fleet.view.machines.filter { $0.host == host } }

    /// Every machine that names it, now or at its next boot: as a disk or medium, anywhere in a disk's chain, as kernel,
    /// initrd, console or NVRAM.
    package func users(of volume: VolumeReference, path: String) -> [MachineView] {
        machines.filter { machine in
            machine.observation.names(volume, path: path) || machine.disks.contains { $0.volume == volume }
        }
    }

    /// Every machine that has it as a disk it may write to.
    package func writers(of volume: VolumeReference, path: String) -> [MachineView] {
        machines.filter { machine in
            machine.disks.contains { !$0.observation.isReadOnly && ($0.volume == volume || $0.observation.path == path) }
                || machine.observation.nextBoot?.disks.contains { !$0.isReadOnly && ($0.volume == volume || $0.path == path) } ?? false
        }
    }

    /// Every machine that names something in the pool.
    func users(ofPool pool: PoolObservation) -> [MachineView] {
        let root = PoolType.ownsItsPath(pool.type) ? pool.path : nil
        let devices = root == nil ? Set(fleet.volumes(in: pool.name, on: host).map(\.path)) : []
        return machines.filter { machine in
            machine.disks.contains { $0.volume?.pool == pool.name }
                || machine.observation.everyHardware.contains { hardware in
                    hardware.disks.contains { $0.volume?.pool == pool.name }
                        || hardware.filePaths.contains { path in root.map { PoolPath.isBelow(path, $0) } ?? devices.contains(path) }
                }
        }
    }

    /// What of a machine names it besides one of its disks, as it runs and as it will.
    func otherUses(of volume: VolumeReference, path: String, besides target: String, in machine: MachineObservation) -> [String] {
        var found: Set<String> = []
        for hardware in machine.everyHardware {
            for disk in hardware.disks where disk.target != target {
                guard fleet.volume(of: disk, on: host) == volume || ([disk.path] + disk.backingPaths).contains(path) else { continue }
                found.insert("disk '\(disk.target)' of the same VM")
            }
            let files = [
                ("kernel", hardware.boot?.kernelPath), ("initrd", hardware.boot?.initrdPath), ("console", hardware.consoleLogPath),
                ("firmware", hardware.firmware.nvramPath),
            ]
            for (what, file) in files where file == path { found.insert("the \(what) of the same VM") }
        }
        return found.sorted()
    }

    /// Volumes whose backing file it is.
    package func children(ofPath path: String) -> [VolumeReference] {
        fleet.pools(host).flatMap { pool in
            fleet.volumes(in: pool.name, on: host).filter { $0.backingPath == path }.map(\.reference)
        }.sorted()
    }

    /// Machines whose definition could not be read: they may use anything, so nothing on their host is known to be free.
    var unreadable: [MachineView] { machines.filter(\.observation.isUnreadable) }

    /// Names of running machines whose definition for the next boot names the file, asked of the host: there may be more in it
    /// than the inventory knows of.
    func defined(_ volume: VolumeReference, path: String, on host: ManagedHost, except machine: MachineID?) async throws -> [String] {
        var names: [String] = []
        for other in machines where other.id != machine {
            guard other.observation.isPersistent, other.state.isActive else { continue }
            let definition = try await host.connection.machineXML(other.id, inactive: true)
            // By path, or by pool and volume; a volume of that name in another pool only errs on the safe side.
            if definition.contains(Self.escaped(path)) || definition.contains("volume='\(Self.escaped(volume.volume))'") {
                names.append(other.name)
            }
        }
        return names
    }

    /// As libvirt writes a text into an attribute.
    private static func escaped(_ text: String) -> String {
        text.reduce(into: "") { result, character in
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "'": result += "&apos;"
            case "\"": result += "&quot;"
            default: result.append(character)
            }
        }
    }
}

extension MachineObservation {
    /// As it runs, and as it will.
    var everyHardware: [MachineHardware] { [hardware] + (nextBoot.map { [$0] } ?? []) }

    func names(_ volume: VolumeReference, path: String) -> Bool {
        everyHardware.contains { $0.filePaths.contains(path) || $0.disks.contains { $0.volume == volume } }
    }
}

extension MachineHardware {
    /// Every file that it names.
    var filePaths: [String] {
        disks.flatMap { ($0.path.map { [$0] } ?? []) + $0.backingPaths }
            + [boot?.kernelPath, boot?.initrdPath, consoleLogPath, firmware.nvramPath].compactMap(\.self)
    }
}
