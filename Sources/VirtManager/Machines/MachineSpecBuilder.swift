internal import Hypervisor
internal import JobQueue
internal import Platform

/// Turns the arguments of a creation into the definition: volumes to paths with their whole chains, `auto` to what the host boots with.
struct MachineSpecBuilder {
    let world: JobWorld
    let host: ManagedHost

    func build(_ creation: MachineCreation, job: JobID, epoch: Int64) async throws -> MachineSpec {
        let accelerator = try await accelerator(creation.accel)
        var disks: [DiskSpec] = []
        for disk in creation.disks { disks.append(try await spec(disk)) }
        var boot: DirectBoot?
        if let wanted = creation.boot {
            var initrd: String?
            if let volume = wanted.initrd { initrd = try await require(volume).path }
            boot = DirectBoot(kernelPath: try await require(wanted.kernel).path, initrdPath: initrd, cmdline: wanted.cmdline)
        }
        var console: String?
        if let volume = creation.console { console = try await require(volume).path }
        return MachineSpec(
            id: creation.id, name: creation.name, accelerator: accelerator, vcpus: creation.vcpus, vcpusMax: creation.vcpusMax,
            memoryBytes: creation.memoryBytes, memoryMaxBytes: creation.memoryMaxBytes,
            cpu: creation.cpu ?? Self.defaultCPU(accelerator), machineType: creation.machineType,
            firmware: try firmware(creation), hasTPM: creation.hasTPM, boot: boot, disks: disks, nics: creation.nics.map(\.spec),
            consoleLogPath: console, description: creation.description,
            metadata: MachineMetadata(
                installation: world.installation, machine: creation.id.text, job: job.text, epoch: epoch,
                createdAtMilliseconds: Timestamp.now().milliseconds, accel: creation.accel, labels: creation.labels,
                expiresAtMilliseconds: creation.expiresAtMilliseconds, ownedVolumes: creation.ownedVolumes))
    }

    /// The file of the variables need not be there: it is named by its place in the pool, and made at the first start.
    private func firmware(_ creation: MachineCreation) throws -> Firmware {
        guard case .uefi(let isSecureBoot) = creation.firmware else { return .bios }
        var path: String?
        if let nvram = creation.nvram {
            guard let folder = world.fleet.pools(host.name).first(where: { $0.name == nvram.pool })?.path else {
                throw JobFailure("pool.not_found", category: "not_found", detail: "pool '\(nvram.pool)' is gone")
            }
            path = "\(folder)/\(nvram.volume)"
        }
        return .uefi(secureBoot: isSecureBoot, nvramPath: path)
    }

    /// What a machine gets that names no CPU: the most that its accelerator can give.
    static func defaultCPU(_ accelerator: Accelerator) -> String? {
        switch accelerator {
        case .kvm: "host-model"
        case .tcg: "max"
        case .native: nil
        }
    }

    private func accelerator(_ wanted: String) async throws -> Accelerator {
        let proven = try await host.provenAccelerators()
        if wanted == "auto" {
            if let best = proven.first { return best }
            throw JobFailure(
                "host.no_accelerator", category: "unsupported", detail: "host '\(host.name)' booted with no accelerator",
                hints: ["see the daemon's log: the trial boot of each accelerator is noted there"])
        }
        guard let accelerator = Accelerator(rawValue: wanted), proven.contains(accelerator) else {
            throw JobFailure(
                "host.accelerator_unproven", category: "unsupported",
                detail:
                    "host '\(host.name)' was not seen to boot with '\(wanted)', only with: \(proven.map(\.rawValue).joined(separator: ", "))"
            )
        }
        return accelerator
    }

    private func require(_ volume: VolumeReference) async throws -> VolumeObservation {
        guard let found = try await world.volume(volume, on: host) else {
            throw JobFailure("volume.not_found", category: "not_found", detail: "volume '\(volume)' is gone")
        }
        return found
    }

    /// A disk with its file and the whole chain under it.
    func spec(_ disk: MachineCreation.Disk) async throws -> DiskSpec {
        var source: DiskSpec.Source?
        if let reference = disk.volume { source = try await self.source(try await require(reference), isMedium: disk.device == .cdrom) }
        return DiskSpec(
            target: disk.target, device: disk.device, bus: disk.bus, source: source, isReadOnly: disk.isReadOnly, cache: disk.cache,
            serial: disk.serial, bootOrder: disk.bootOrder)
    }

    /// A medium is what its bytes are, whatever header they begin with: nothing under it is ever followed.
    func source(_ volume: VolumeObservation, isMedium: Bool = false) async throws -> DiskSpec.Source {
        if !volume.isLocal { return .init(path: volume.path, format: "raw", volume: volume.reference) }
        if isMedium || volume.format == "iso" { return .init(path: volume.path, format: "raw") }
        return .init(path: volume.path, format: volume.format, backing: try await chain(under: volume))
    }

    /// Every layer under a volume, each with its format stated. A layer outside all pools, or a chain without end, is refused.
    private func chain(under top: VolumeObservation) async throws -> [DiskSpec.Layer] {
        var layers: [DiskSpec.Layer] = []
        var current = top
        while let path = current.backingPath {
            guard layers.count < 200 else {
                throw JobFailure(
                    "volume.chain_too_long", category: "conflict", detail: "volume '\(top.reference)' stands on more than 200 layers")
            }
            guard let reference = world.fleet.volume(at: path, on: host.name), let seen = try await host.connection.volume(reference) else {
                throw JobFailure(
                    "volume.chain_broken", category: "conflict",
                    detail: "volume '\(current.reference)' stands on '\(path)', which is in no pool")
            }
            // What was stated counts: by us when the layer was made, else by the header of the layer above it.
            let record = try world.volumes.record(reference, on: host.name) ?? current.backingFormat.map { VolumeStore.Record(format: $0) }
            current = seen.stated(by: record)
            layers.append(.init(path: current.path, format: current.format))
        }
        return layers
    }
}
