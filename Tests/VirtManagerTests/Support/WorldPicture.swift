import Hypervisor
import TestSupport

/// A fake host at one moment, with what differs from run to run (ids and the names made of them) replaced.
struct WorldPicture: Equatable, Sendable, CustomStringConvertible {
    let lines: [String]

    init(_ world: FakeWorld, replacing names: [String: String] = [:]) {
        let inventory = world.inventory()
        func plain(_ text: String) -> String {
            var text = text
            for (name, replacement) in names where !name.isEmpty {
                text = text.split(separator: name, omittingEmptySubsequences: false).joined(separator: replacement)
            }
            return text
        }
        var lines = inventory.machines.map { machine in
            var line = "machine \(machine.name) \(machine.state.rawValue)\(machine.isPersistent ? "" : " transient")"
            if let metadata = machine.metadata {
                let labels = metadata.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
                line += " ours [\(labels)] owns \(metadata.ownedVolumes.map(\.description).joined(separator: ","))"
            }
            return plain(line)
        }
        for machine in inventory.machines {
            lines.append(plain("hardware \(machine.name) \(Self.text(machine.hardware))"))
            if let next = machine.nextBoot { lines.append(plain("next boot \(machine.name) \(Self.text(next))")) }
        }
        lines += inventory.volumes.map { plain("volume \($0.reference) \($0.format) \($0.capacityBytes) on \($0.backingPath ?? "-")") }
        lines += inventory.files.map { plain("file \($0.path) \($0.bytes) \(Self.digest($0, world))") }
        lines += inventory.definitions.map { plain(Self.withoutMACs($0)) }
        if inventory.openTransfers > 0 { lines.append("open transfers \(inventory.openTransfers)") }
        self.lines = lines.sorted()
    }

    /// What edits change, without the MACs, which are chosen by chance.
    private static func text(_ hardware: MachineHardware) -> String {
        var parts = ["vcpus \(hardware.vcpus)/\(hardware.vcpusMax)", "memory \(hardware.memoryBytes)/\(hardware.memoryMaxBytes)"]
        parts.append("\(hardware.accelerator.rawValue) \(hardware.cpu ?? "-") \(hardware.machineType ?? "-")")
        if let boot = hardware.boot { parts.append("boot \(boot.kernelPath) \(boot.initrdPath ?? "-") \(boot.cmdline)") }
        parts += hardware.disks.map { disk in
            "\(disk.target) \(disk.device) \(disk.bus) \(disk.path ?? "empty") \(disk.format ?? "-") \(disk.isReadOnly) "
                + "\(disk.bootOrder ?? 0) \(disk.serial ?? "-") \(disk.cache ?? "-") on \(disk.backingPaths.joined(separator: ","))"
        }
        parts += hardware.nics.map { "nic \($0.network ?? "-") \($0.model ?? "-") \($0.isLinkUp ? "up" : "down")" }
        return parts.joined(separator: "; ")
    }

    /// A seed names its machine, whose id is another in every run: it only counts whether it is filled.
    private static func digest(_ file: FakeInventory.File, _ world: FakeWorld) -> String {
        guard file.path.hasSuffix(".seed.iso") else { return file.digest }
        return world.bytes(of: file.path)?.allSatisfy { $0 == 0 } == true ? "empty" : "filled"
    }

    /// Cards get fresh MACs in every run: of what is kept for them only the addresses count.
    private static func withoutMACs(_ line: String) -> String {
        line.split(separator: " ", omittingEmptySubsequences: false).map { word in
            word.split(separator: ",", omittingEmptySubsequences: false).map { $0.split(separator: "=").last ?? "" }.joined(separator: ",")
        }.joined(separator: " ")
    }

    private init(lines: [String]) { self.lines = lines }

    /// Leaves out what guests wrote on their consoles.
    func without(console: Bool) -> WorldPicture {
        console
            ? WorldPicture(lines: lines.filter { !$0.hasPrefix("file") && !$0.hasPrefix("volume") || !$0.contains(".console.log") }) : self
    }

    /// Leaves out what running machines have, not what their next boot has.
    var withoutLive: WorldPicture { WorldPicture(lines: lines.filter { !$0.hasPrefix("hardware ") }) }

    var description: String { lines.joined(separator: " | ") }
}
