package import Hypervisor

/// All that lies on a fake host at one moment, to compare with another moment: whatever is equal is unchanged, bytes included.
///
/// Its description has one sorted line per thing, so that a failed comparison shows what is too many.
package struct FakeInventory: Sendable, Equatable, CustomStringConvertible {
    package struct Machine: Sendable, Equatable {
        package var id: MachineID
        package var name: String
        package var state: RunState
        package var isPersistent: Bool
        package var metadata: MachineMetadata?
        package var hardware: MachineHardware
        package var nextBoot: MachineHardware?
    }

    package struct Volume: Sendable, Equatable {
        package var reference: VolumeReference
        package var path: String
        package var format: String
        package var capacityBytes: Int64
        package var backingPath: String?
    }

    package struct File: Sendable, Equatable {
        package var path: String
        package var bytes: Int64
        /// Of its content, the zeros left out.
        package var digest: String
    }

    package var machines: [Machine]
    /// As the pools list them.
    package var volumes: [Volume]
    /// As they lie on the disk, listed or not.
    package var files: [File]
    /// Paths that some machine uses or owns, or that lie under one it uses.
    package var usedPaths: Set<String>
    /// Transfers that are open.
    package var openTransfers: Int
    /// One line per pool and network, with all that is defined of it.
    package var definitions: [String]

    package var machineNames: [String] { machines.map(\.name).sorted() }
    package var volumeNames: [String] { volumes.map(\.reference.description) }

    /// Files that came since `before` and that no machine uses or owns.
    package func orphans(since before: FakeInventory) -> [String] {
        let old = Set(before.files.map(\.path))
        return files.map(\.path).filter { !old.contains($0) && !usedPaths.contains($0) }
    }

    package var description: String {
        let machines = machines.map { machine in
            "machine \(machine.name) \(machine.id) \(machine.state.rawValue)\(machine.isPersistent ? "" : " transient")"
                + (machine.metadata.map { " job \($0.job)" } ?? " foreign")
        }
        let volumes = volumes.map { "volume \($0.reference) \($0.format) \($0.capacityBytes) on \($0.backingPath ?? "-")" }
        let files = files.map { "file \($0.path) \($0.bytes) \($0.digest)" }
        let definitions = definitions
        let transfers = openTransfers == 0 ? [] : ["open transfers \(openTransfers)"]
        return (machines + volumes + files + definitions + transfers).joined(separator: "\n")
    }
}

extension FakeWorld {
    package func inventory() -> FakeInventory {
        let state = withState { $0 }
        let machines = state.machines.values.sorted { $0.id < $1.id }.compactMap(\.observation).map { machine in
            FakeInventory.Machine(
                id: machine.id, name: machine.name, state: machine.state, isPersistent: machine.isPersistent, metadata: machine.metadata,
                hardware: machine.hardware, nextBoot: machine.nextBoot)
        }
        let volumes = state.pools.values.sorted { $0.name < $1.name }.flatMap { pool in
            pool.volumes.sorted { $0.key < $1.key }.map { name, volume in
                FakeInventory.Volume(
                    reference: VolumeReference(pool: pool.name, volume: name), path: pool.path(of: name), format: volume.format,
                    capacityBytes: volume.capacityBytes, backingPath: volume.backingPath)
            }
        }
        let files = state.files.sorted { $0.key < $1.key }.map { path, file in
            FakeInventory.File(path: path, bytes: file.length, digest: file.digest)
        }
        return FakeInventory(
            machines: machines, volumes: volumes, files: files, usedPaths: state.usedPaths, openTransfers: state.streams.count,
            definitions: state.definitions)
    }
}

extension FakeWorldState {
    fileprivate var definitions: [String] {
        pools.values.map { "pool \($0.name) \($0.type) \($0.path) \($0.isActive ? "active" : "inactive") autostart \($0.autostart)" }
            .sorted()
            + networks.values.map { network in
                let seen = network.next ?? network.observation
                let kept = seen.reservations.sorted { $0.mac < $1.mac }.map { "\($0.mac)=\($0.address)" }.joined(separator: ",")
                let range = seen.dhcp.map { "\($0.start)-\($0.end)" } ?? "-"
                return
                    "network \(seen.name) \(seen.mode) \(seen.cidr ?? "-") dhcp \(range) \(network.observation.isActive ? "active" : "inactive")"
                    + " autostart \(seen.autostart) \(kept)"
            }.sorted()
    }

    fileprivate var usedPaths: Set<String> {
        var used: Set<String> = []
        for definition in machines.values.flatMap({ [$0.persistent, $0.live].compactMap(\.self) }) {
            let hardware = definition.hardware
            for disk in hardware.disks { used.formUnion([disk.path].compactMap(\.self) + disk.backingPaths) }
            used.formUnion(
                [hardware.boot?.kernelPath, hardware.boot?.initrdPath, hardware.consoleLogPath, hardware.firmware.nvramPath].compactMap(
                    \.self))
            for owned in definition.metadata?.ownedVolumes ?? [] {
                if let pool = pools[owned.pool] { used.insert(pool.path(of: owned.volume)) }
            }
        }
        // What lies under a file in use is in use, as deep as the headers say.
        var pending = Array(used)
        while let path = pending.popLast() {
            guard let backing = files[path]?.probe().backingPath else { continue }
            let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
            let resolved = backing.hasPrefix("/") ? backing : "\(folder)/\(backing)"
            if used.insert(resolved).inserted { pending.append(resolved) }
        }
        return used
    }
}
