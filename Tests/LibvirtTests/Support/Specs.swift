import Hypervisor

/// Machines for the tests, from the plainest to one that uses everything.
enum Specs {
    static let id = machineID("33333333-0000-4000-8000-000000000001")

    static func metadata() -> MachineMetadata {
        MachineMetadata(
            installation: "6f9c", job: "j-1", epoch: 7, createdAtMilliseconds: 1_700_000_000_123, accel: "auto",
            labels: ["env": "test", "owner": "me"],
            ownedVolumes: [
                VolumeReference(pool: "default", volume: "web-1.qcow2"), VolumeReference(pool: "gantry", volume: "web-1-console.log"),
            ])
    }

    static func plain(_ id: MachineID = id, name: String = "web-1", accelerator: Accelerator = .tcg) -> MachineSpec {
        MachineSpec(
            id: id, name: name, accelerator: accelerator, vcpus: 1, vcpusMax: 1, memoryBytes: 128 << 20, memoryMaxBytes: 128 << 20,
            cpu: nil, machineType: nil, boot: nil, disks: [], nics: [], consoleLogPath: nil, description: "", metadata: metadata())
    }

    static func full() -> MachineSpec {
        var spec = plain(accelerator: .kvm)
        spec.vcpus = 2
        spec.vcpusMax = 4
        spec.memoryBytes = 1 << 30
        spec.memoryMaxBytes = 2 << 30
        spec.cpu = "host-model"
        spec.boot = DirectBoot(kernelPath: "/boot/k", initrdPath: "/boot/i", cmdline: "console=ttyS0 quiet")
        spec.disks = [
            DiskSpec(
                target: "vda",
                source: .init(
                    path: "/pool/web-1.qcow2", format: "qcow2",
                    backing: [.init(path: "/pool/base.qcow2", format: "qcow2"), .init(path: "/dev/vg/root", format: "raw")]),
                bootOrder: 1),
            DiskSpec(target: "vdb", source: .init(path: "/dev/vg/data", format: "raw"), serial: "data-1"),
            DiskSpec(target: "vdc", source: .init(path: "/pool/seed.iso", format: "raw"), isReadOnly: true),
        ]
        spec.nics = [NICSpec(mac: "52:54:00:aa:bb:cc", network: "default", model: "virtio")]
        spec.consoleLogPath = "/pool/web-1-console.log"
        spec.description = "Front end <1> & \"friends\""
        return spec
    }

    static func everyDevice() -> MachineSpec {
        var spec = plain(accelerator: .kvm)
        spec.vcpus = 2
        spec.vcpusMax = 4
        spec.cpu = "host-passthrough"
        spec.firmware = .uefi(secureBoot: true, nvramPath: "/pool/web-1-nvram.fd")
        spec.hasTPM = true
        spec.disks = [
            DiskSpec(target: "vda", source: .init(path: "/pool/a.qcow2", format: "qcow2"), cache: .writeback, bootOrder: 2),
            DiskSpec(target: "sda", device: .cdrom, bus: .sata, source: .init(path: "/pool/i.iso", format: "raw"), bootOrder: 1),
            DiskSpec(target: "sdb", device: .cdrom, bus: .sata, source: nil),
            DiskSpec(target: "sdc", bus: .scsi, source: .init(path: "/pool/c.raw", format: "raw"), serial: "c"),
            DiskSpec(target: "sdd", bus: .usb, source: .init(path: "/pool/d.raw", format: "raw"), isReadOnly: true),
        ]
        spec.nics = [
            NICSpec(mac: "52:54:00:aa:bb:cc", network: "default", model: "e1000", isLinkUp: false),
            NICSpec(mac: "52:54:00:aa:bb:cd", network: "lan", model: "virtio"),
        ]
        spec.metadata.expiresAtMilliseconds = 1_800_000_000_000
        return spec
    }
}
