import Hypervisor
import TestSupport

extension PortCase {
    /// Definitions with all kinds of hardware, and edits that wait for the next boot.
    static let hardware = [
        PortCase("edit", .editDefinition) { host, spec in
            try await host.define(spec)
            try await host.edit(spec.id, [.setVCPUsMax(4), .setVCPUs(2), .setMemoryMax(512 << 20), .setMemory(384 << 20)])
            let seen = try await seen(host, spec.id).hardware
            try must(seen.vcpus == 2 && seen.vcpusMax == 4, "\(seen.vcpus) of \(seen.vcpusMax)")
            try must(seen.memoryBytes == 384 << 20 && seen.memoryMaxBytes == 512 << 20, "\(seen.memoryBytes) of \(seen.memoryMaxBytes)")
            try await must(fail: .invalidArgument) { try await host.edit(spec.id, [.setVCPUs(1), .removeDisk(target: "vdq")]) }
            try must(try await PortCase.seen(host, spec.id).hardware.vcpus == 2, "half of the edits were made")
            try must(try await PortCase.seen(host, spec.id).metadata == spec.metadata, "the metadata went")
        },
        PortCase("editDisks", .editDefinition) { host, spec in
            try await host.define(spec)
            let disk = try await disk(host, "vdb", "data.qcow2")
            try await host.edit(spec.id, [.addDisk(disk)])
            try must(try await seen(host, spec.id).hardware.disks.map(\.path) == [disk.source?.path], "not added")
            try await must(fail: .invalidArgument) { try await host.edit(spec.id, [.addDisk(disk)]) }
            try await host.edit(spec.id, [.setDiskOptions(target: "vdb", cache: .writeback, serial: "S1", bootOrder: 2)])
            let changed = try await seen(host, spec.id).hardware.disks.first
            try must(changed?.cache == "writeback" && changed?.serial == "S1" && changed?.bootOrder == 2, "\(String(describing: changed))")
            try await host.edit(spec.id, [.removeDisk(target: "vdb")])
            try must(try await seen(host, spec.id).hardware.disks.isEmpty, "still there")
        },
        PortCase("editCards", .editDefinition) { host, spec in
            try await host.define(spec)
            let card = NICSpec(mac: "52:54:00:77:77:01", network: "default", model: "virtio", isLinkUp: false)
            try await host.edit(spec.id, [.addNIC(card)])
            var found = try await seen(host, spec.id).hardware.nics.first { $0.mac == card.mac }
            try must(found?.isLinkUp == false && found?.network == "default", "\(String(describing: found))")
            try await host.edit(spec.id, [.setNIC(mac: card.mac, network: nil, isLinkUp: true)])
            found = try await seen(host, spec.id).hardware.nics.first { $0.mac == card.mac }
            try must(found?.isLinkUp == true, "the cable is still out")
            try await host.edit(spec.id, [.removeNIC(mac: card.mac)])
            try must(try await seen(host, spec.id).hardware.nics.count == spec.nics.count, "still there")
        },
        PortCase("nextBoot", .editDefinition) { host, spec in
            try await host.define(spec)
            try await host.start(spec.id)
            try await host.edit(spec.id, [.setVCPUsMax(2)])
            let seen = try await seen(host, spec.id)
            try must(
                seen.hardware.vcpusMax == 1 && seen.nextBoot?.vcpusMax == 2,
                "\(seen.hardware.vcpusMax) \(String(describing: seen.nextBoot))")
            try await host.destroy(spec.id)
            try must(try await PortCase.seen(host, spec.id).hardware.vcpusMax == 2, "forgotten")
        },
        PortCase("uefi", .uefi) { host, spec in
            var spec = spec
            spec.firmware = .uefi(secureBoot: false, nvramPath: "\(try await store(host))/web1.nvram.fd")
            try await host.define(spec)
            let seen = try await seen(host, spec.id).hardware.firmware
            try must(seen == spec.firmware, "\(seen)")
            try await host.start(spec.id)
            try await host.refreshPool("store")
            try must(try await host.volume(reference("web1.nvram.fd")) != nil, "its variables are kept nowhere")
        },
        PortCase("secureBoot", .secureBoot) { host, spec in
            var spec = spec
            spec.firmware = .uefi(secureBoot: true, nvramPath: "\(try await store(host))/web1.nvram.fd")
            try await host.define(spec)
            try must(try await seen(host, spec.id).hardware.firmware.isSecureBoot, "not on")
            try await host.start(spec.id)
            try await host.refreshPool("store")
            try must(try await host.volume(reference("web1.nvram.fd")) != nil, "its variables are kept nowhere")
        },
        PortCase("tpm", .tpm) { host, spec in
            var spec = spec
            spec.hasTPM = true
            try await host.define(spec)
            try must(try await seen(host, spec.id).hardware.hasTPM, "none")
            try await host.start(spec.id)
        },
        PortCase("drive", .cdrom) { host, spec in
            var spec = spec
            spec.disks.append(DiskSpec(target: "sda", device: .cdrom, bus: .sata, source: nil, bootOrder: 1))
            try await host.define(spec)
            let drive = try await seen(host, spec.id).hardware.disks.last
            try must(drive?.device == "cdrom" && drive?.path == nil && drive?.isReadOnly == true, "\(String(describing: drive))")
        },
        PortCase("rename", .rename) { host, spec in
            try await host.define(spec)
            try await host.rename(spec.id, to: "web9")
            try must(try await seen(host, spec.id).name == "web9", "the old name")
            var other = spec
            other.id = .sample(99)
            other.nics = []
            try await host.define(other)
            try await must(fail: .alreadyExists) { try await host.rename(spec.id, to: spec.name) }
            try await host.start(spec.id)
            try await must(fail: .invalidState) { try await host.rename(spec.id, to: "web8") }
        },
        PortCase("save", .managedSave) { host, spec in
            try await host.define(spec)
            try await host.start(spec.id)
            try await host.save(spec.id)
            try must(try await seen(host, spec.id).state == .saved, "not saved")
            try await host.start(spec.id)
            try must(try await seen(host, spec.id).state == .running, "not running")
            try await host.save(spec.id)
            try await host.discardSaved(spec.id)
            try must(try await seen(host, spec.id).state == .stopped, "still saved")
            try await host.discardSaved(spec.id)
        },
    ]

    /// The directory of the pool `store`.
    static func store(_ host: any HostConnection) async throws -> String {
        guard let path = try await host.pools().first(where: { $0.name == "store" })?.path else {
            throw Broken(description: "no pool 'store' with a path")
        }
        return path
    }

    /// A disk on a fresh volume of the pool `store`.
    static func disk(_ host: any HostConnection, _ target: String, _ volume: String, bytes: Int64 = 16 << 20) async throws -> DiskSpec {
        try await host.createVolume(VolumeSpec(reference: reference(volume), format: "qcow2", capacityBytes: bytes))
        guard let made = try await host.volume(reference(volume)) else { throw Broken(description: "no volume") }
        return DiskSpec(target: target, source: .init(path: made.path, format: "qcow2"))
    }
}
