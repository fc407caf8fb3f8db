package import Hypervisor

/// Who uses a volume of one host, by the inventory: disks, kernels, consoles, and volumes that stand on it.
package struct VolumeUse: Sendable {
    let fleet: Fleet
    let host: HostName

    package init(fleet: Fleet, host: HostName) {
        self.fleet = fleet
        self.host = host
    }

    private var machines: [MachineView] { fleet.view.machines.filter { $0.host == host } }

    /// Every machine that has it as a disk, anywhere in a disk's chain, or as its kernel, initrd or console.
    package func users(of volume: VolumeReference, path: String) -> [MachineView] {
        machines.filter { machine in
            let hardware = machine.observation.hardware
            return hardware.boot?.kernelPath == path || hardware.boot?.initrdPath == path || hardware.consoleLogPath == path
                || machine.disks.contains { disk in
                    disk.volume == volume || disk.observation.path == path || disk.observation.backingPaths.contains(path)
                }
        }
    }

    /// Every machine that has it as a disk it may write to.
    package func writers(of volume: VolumeReference, path: String) -> [MachineView] {
        machines.filter { machine in
            machine.disks.contains { !$0.observation.isReadOnly && ($0.volume == volume || $0.observation.path == path) }
        }
    }

    /// Volumes whose backing file it is.
    package func children(ofPath path: String) -> [VolumeReference] {
        fleet.pools(host).flatMap { pool in
            fleet.volumes(in: pool.name, on: host).filter { $0.backingPath == path }.map(\.reference)
        }.sorted()
    }

    /// Machines whose definition could not be read: they may use anything, so nothing on their host is known to be free.
    var unreadable: [MachineView] { machines.filter(\.observation.isUnreadable) }

    /// Names of running machines whose definition for the next boot names the file, asked of the host.
    func defined(_ volume: VolumeReference, path: String, on host: ManagedHost) async throws -> [String] {
        var names: [String] = []
        for other in machines {
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
