package import Hypervisor

/// Small values for tests; everything that matters to a test is named in its call.
extension MachineID {
    /// `00000000-0000-4000-8000-0000000000NN`.
    package static func sample(_ number: UInt8) -> MachineID {
        let bytes: [UInt8] = [0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, number]
        guard let id = MachineID(bytes: bytes) else { preconditionFailure("16 bytes make an id") }
        return id
    }
}

extension VolumeReference {
    /// A volume of the pool `default`.
    package static func sample(_ name: String) -> VolumeReference { VolumeReference(pool: "default", volume: name) }
}

extension MachineMetadata {
    package static func sample(job: String = "job-1", ownedVolumes: [VolumeReference] = []) -> MachineMetadata {
        MachineMetadata(
            installation: "installation-1", job: job, epoch: 1, createdAtMilliseconds: 1_767_225_600_000, ownedVolumes: ownedVolumes)
    }
}

extension MachineSpec {
    /// A machine of ours: 1 processor, 256 MiB, one qcow2 disk for each path, one card on each network.
    package static func sample(
        _ number: UInt8, name: String, accelerator: Accelerator = .tcg, disks: [String] = [], networks: [String] = ["default"],
        boot: DirectBoot? = nil, consoleLogPath: String? = nil, metadata: MachineMetadata = .sample()
    ) -> MachineSpec {
        let diskSpecs = disks.enumerated().map { index, path in
            DiskSpec(target: "vd\(["a", "b", "c", "d"][index % 4])", source: .init(path: path, format: "qcow2"))
        }
        let nics = networks.enumerated().map { index, network in
            let digits = String(number, radix: 16)
            return NICSpec(mac: "52:54:00:00:0\(index % 10):\(digits.count == 1 ? "0" : "")\(digits)", network: network, model: "virtio")
        }
        return MachineSpec(
            id: .sample(number), name: name, accelerator: accelerator, vcpus: 1, vcpusMax: 1, memoryBytes: 256 << 20,
            memoryMaxBytes: 256 << 20, cpu: nil, machineType: nil, boot: boot, disks: diskSpecs, nics: nics,
            consoleLogPath: consoleLogPath, description: "", metadata: metadata)
    }
}
