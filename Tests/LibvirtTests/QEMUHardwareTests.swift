import CLibvirt
import Hypervisor
import Testing

@testable import Libvirt

extension OnQEMU {
    /// Hardware of real guests, changed while they run.
    @Suite(.serialized, .enabled(if: QEMUHost.guest != nil)) struct QEMUHardwareTests {
        /// One guest for all of it, as a boot is what takes long.
        @Test(.timeLimit(.minutes(4))) func hardwareChangesWhileAGuestRuns() async throws {
            let host = try await QEMUHost.connect()
            let spec = try await Self.changeable(on: host)
            try await QEMUHost.boot(spec, on: host)
            try await host.markStarted(spec.id, atMilliseconds: 7)
            // The balloon takes its part once the guest's driver is there.
            #expect(try await poll { try await host.machine(spec.id)?.hardware.memoryBytes == spec.memoryBytes })
            try await Self.expectNothingPending(spec.id, on: host)
            #expect(try await host.machine(spec.id)?.hardware.cpu == "max")

            try await Self.disks(spec, on: host)
            try await Self.costs(spec, on: host)
            try await Self.media(spec, on: host)
            try await Self.cards(spec, on: host)
            try await Self.resources(spec, on: host)
            try await Self.unpluggingHoldsNothingUp(spec, on: host)
            try await Self.pendingIsSeen(spec, on: host)

            let active = await failure { try await host.rename(spec.id, to: "lv-hw-2") }
            #expect(active?.code == .invalidState)
            try await host.destroy(spec.id)
            try await Self.renaming(spec, on: host)
            let live = await failure { try await host.editLive(spec.id, .setVCPUs(1)) }
            #expect(live?.code == .invalidState)
            #expect(try await host.machine(spec.id)?.nextBoot == nil)
            try await QEMUHost.remove(spec, from: host)
            try await host.change("virNetworkDestroy") { connection in
                try connection.network(Self.lan).status("virNetworkDestroy") { virNetworkDestroy($0) }
            }
            await host.close()
        }

        /// Secure boot and all that belongs to it; the kernel is signed.
        @Test(.timeLimit(.minutes(3))) func securelyBootedWithTPM() async throws {
            let host = try await QEMUHost.connect()
            var spec = try await QEMUHost.spec("uefi", 5, on: host)
            let overlay = try #require(spec.disks.first?.source?.path)
            let nvram = overlay.replacing(".qcow2", with: "-nvram.fd")
            spec.firmware = .uefi(secureBoot: true, nvramPath: nvram)
            spec.hasTPM = true
            spec.memoryBytes = 256 << 20
            spec.memoryMaxBytes = 256 << 20
            try await QEMUHost.boot(spec, on: host)
            let machine = try #require(try await host.machine(spec.id))
            #expect(machine.hardware.firmware == spec.firmware)
            #expect(machine.hardware.hasTPM)
            try await Self.expectNothingPending(spec.id, on: host)
            #expect(try await QEMUHost.guest(spec.id, "dmesg | grep -q 'Secure boot enabled'", on: host))
            #expect(try await QEMUHost.guest(spec.id, "dmesg | grep -q 'ACPI: TPM2'", on: host))
            try await host.refreshPool("default")
            let kept = try #require(try await host.volume(VolumeReference(pool: "default", volume: "lv-uefi-nvram.fd")))
            #expect(kept.path == nvram)
            #expect(try await host.fileSize(kept.reference) > 100_000)
            try await QEMUHost.remove(spec, from: host)
            await host.close()
        }

        /// What is settled when a guest starts is no difference to its next boot.
        @Test(.timeLimit(.minutes(2)), arguments: [nil, "host-model", "max", "Nehalem"])
        func anUnchangedMachineHasNothingPending(_ cpu: String?) async throws {
            let host = try await QEMUHost.connect()
            var spec = Specs.everyDevice()
            spec.id = machineID("44444444-0000-4000-8000-000000000006")
            spec.name = "lv-still"
            spec.accelerator = .tcg
            spec.cpu = cpu
            spec.firmware = .bios
            spec.hasTPM = false
            let file = try await QEMUHost.upload([UInt8](repeating: 1, count: 1 << 16), "lv-still-any", format: "raw", to: host)
            for (index, disk) in spec.disks.enumerated() where disk.source != nil {
                let reference = VolumeReference(pool: "default", volume: "lv-still-\(index)")
                if try await host.volume(reference) == nil {
                    try await host.createVolume(VolumeSpec(reference: reference, format: "raw", capacityBytes: 1 << 16))
                }
                spec.disks[index].source = .init(path: file.path.replacing("lv-still-any", with: "lv-still-\(index)"), format: "raw")
            }
            spec.disks[0].cache = .unsafe
            spec.nics[1].network = "default"
            try await host.define(spec)
            try await host.start(spec.id, paused: true)
            try await Self.expectNothingPending(spec.id, on: host)
            try await host.markStarted(spec.id, atMilliseconds: 1)
            try await Self.expectNothingPending(spec.id, on: host)
            if let cpu { #expect(try await host.machine(spec.id)?.hardware.cpu == cpu) }
            try await host.edit(spec.id, [.setCPU("Westmere")])
            let edited = try #require(try await host.machine(spec.id))
            #expect(edited.nextBoot?.cpu == "Westmere")
            if let cpu { #expect(edited.hardware.cpu == cpu) }
            try await QEMUHost.remove(spec, from: host)
            await host.close()
        }
    }
}

extension OnQEMU.QEMUHardwareTests {
    private static let lan = "lv-lan"

    private static func changeable(on host: LibvirtConnection) async throws -> MachineSpec {
        var spec = try await QEMUHost.spec("hw", 4, on: host)
        spec.vcpus = 1
        spec.vcpusMax = 3
        spec.memoryBytes = 192 << 20
        spec.memoryMaxBytes = 256 << 20
        spec.cpu = "max"
        spec.disks.append(DiskSpec(target: "sda", device: .cdrom, bus: .sata, source: nil))
        try await host.change("virNetworkCreateXML") { connection in
            guard (try? connection.network(lan)) == nil else { return }
            // Its cards stand in the running machine as plain ones on a bridge.
            let xml = "<network><name>\(lan)</name><forward mode='bridge'/><bridge name='virbr0'/></network>"
            _ = NetworkHandle(owning: try connection.value("virNetworkCreateXML") { virNetworkCreateXML($0, xml) })
        }
        return spec
    }

    static func expectNothingPending(_ id: MachineID, on host: LibvirtConnection) async throws {
        let machine = try #require(try await host.machine(id))
        #expect(try comparable(machine.hardware) == comparable(#require(machine.nextBoot)))
    }

    /// Without what differs by nature: devices of the host, formats and layers that libvirt looked up.
    private static func comparable(_ hardware: MachineHardware) -> MachineHardware {
        var hardware = hardware
        for index in hardware.nics.indices {
            hardware.nics[index].target = nil
            hardware.nics[index].bridge = nil
        }
        for index in hardware.disks.indices {
            hardware.disks[index].format = nil
            hardware.disks[index].backingPaths = []
        }
        return hardware
    }

    static func targets(_ id: MachineID, on host: LibvirtConnection) async throws -> [String] {
        try #require(try await host.machine(id)).hardware.disks.map(\.target)
    }

    static func newDisk(
        _ target: String, bus: DiskSpec.Bus = .virtio, of spec: MachineSpec, on host: LibvirtConnection
    ) async throws -> DiskSpec {
        let reference = VolumeReference(pool: "default", volume: "\(spec.name)-\(target).qcow2")
        if try await host.volume(reference) != nil { try await host.deleteVolume(reference) }
        try await host.createVolume(VolumeSpec(reference: reference, format: "qcow2", capacityBytes: 8 << 20))
        let path = try #require(try await host.volume(reference)).path
        return DiskSpec(target: target, bus: bus, source: .init(path: path, format: "qcow2"), serial: "extra-\(target)")
    }

    private static func disks(_ spec: MachineSpec, on host: LibvirtConnection) async throws {
        let clock = ContinuousClock()
        for (target, bus) in [("vdb", DiskSpec.Bus.virtio), ("sdb", .scsi)] {
            let disk = try await newDisk(target, bus: bus, of: spec, on: host)
            print("attach \(bus): \(try await clock.measure { try await host.editLive(spec.id, .addDisk(disk)) })")
            #expect(try await targets(spec.id, on: host).contains(target))
            #expect(await failure { try await host.editLive(spec.id, .addDisk(disk)) }?.code == .invalidArgument)
            #expect(try await host.machine(spec.id)?.nextBoot?.disks.contains { $0.target == target } == false)
            try await host.edit(spec.id, [.addDisk(disk)])
            try await expectNothingPending(spec.id, on: host)
            if bus == .virtio {
                #expect(try await poll { try await QEMUHost.guest(spec.id, "test -b /dev/vdb", on: host) })
                #expect(try await QEMUHost.guest(spec.id, "grep -q extra-vdb /sys/block/vdb/serial", on: host))
            }
            print("detach \(bus), asked: \(try await clock.measure { try await host.editLive(spec.id, .removeDisk(target: target)) })")
            var isGone = false
            let letGo = try await clock.measure { isGone = try await poll { try await !targets(spec.id, on: host).contains(target) } }
            #expect(isGone)
            print("detach \(bus), let go: \(letGo)")
            try await host.edit(spec.id, [.removeDisk(target: target)])
            #expect(await failure { try await host.editLive(spec.id, .removeDisk(target: target)) }?.code == .invalidArgument)
        }
        try await expectNothingPending(spec.id, on: host)
    }

    private static func media(_ spec: MachineSpec, on host: LibvirtConnection) async throws {
        for name in ["a", "b"] {
            let file = try await QEMUHost.upload([UInt8](repeating: 65, count: 4096), "lv-hw-\(name).iso", format: "raw", to: host)
            let insert = MachineEdit.setSource(target: "sda", .init(path: file.path, format: "raw"))
            try await host.editLive(spec.id, insert)
            try await host.edit(spec.id, [insert])
            #expect(try await host.machine(spec.id)?.hardware.disks.first { $0.target == "sda" }?.path == file.path)
            try await expectNothingPending(spec.id, on: host)
        }
        for _ in 1...2 {
            try await host.editLive(spec.id, .setSource(target: "sda", nil))
            try await host.edit(spec.id, [.setSource(target: "sda", nil)])
        }
        #expect(try await host.machine(spec.id)?.hardware.disks.first { $0.target == "sda" }?.path == nil)
        try await expectNothingPending(spec.id, on: host)
    }

    private static func cards(_ spec: MachineSpec, on host: LibvirtConnection) async throws {
        let mac = "52:54:00:77:01:04"
        let nic = NICSpec(mac: mac, network: "default", model: "virtio")
        let carrier = { (value: Int) in "ip link set eth1 up; grep -q \(value) /sys/class/net/eth1/carrier" }
        func card() async throws -> NICObservation? { try await host.machine(spec.id)?.hardware.nics.first { $0.mac == mac } }
        for edit in [MachineEdit.addNIC(nic)] {
            try await host.editLive(spec.id, edit)
            try await host.edit(spec.id, [edit])
        }
        try await expectNothingPending(spec.id, on: host)
        #expect(try await card()?.target?.hasPrefix("vnet") == true)
        #expect(try await poll { try await QEMUHost.guest(spec.id, carrier(1), on: host) })
        for isUp in [false, true] {
            let edit = MachineEdit.setNIC(mac: mac, network: nil, isLinkUp: isUp)
            try await host.editLive(spec.id, edit)
            #expect(try await card()?.isLinkUp == isUp)
            #expect(try await poll { try await QEMUHost.guest(spec.id, carrier(isUp ? 1 : 0), on: host) })
            try await host.edit(spec.id, [edit])
            try await expectNothingPending(spec.id, on: host)
        }
        let move = MachineEdit.setNIC(mac: mac, network: lan, isLinkUp: nil)
        try await host.editLive(spec.id, move)
        #expect(try await card()?.network == lan)
        try await host.editLive(spec.id, .setNIC(mac: mac, network: nil, isLinkUp: false))
        #expect(try await card()?.isLinkUp == false)
        #expect(try await card()?.network == lan)
        try await host.editLive(spec.id, .setNIC(mac: mac, network: nil, isLinkUp: true))
        #expect(try await host.machine(spec.id)?.nextBoot?.nics.last?.network == "default")
        try await host.edit(spec.id, [move])
        try await expectNothingPending(spec.id, on: host)
        let nowhere = await failure { try await host.editLive(spec.id, .setNIC(mac: mac, network: "nowhere", isLinkUp: nil)) }
        #expect(nowhere?.code == .networkNotFound)
        try await host.editLive(spec.id, .removeNIC(mac: mac))
        #expect(try await poll { try await card() == nil })
        try await host.edit(spec.id, [.removeNIC(mac: mac)])
        try await expectNothingPending(spec.id, on: host)
    }

    private static func resources(_ spec: MachineSpec, on host: LibvirtConnection) async throws {
        for bytes in [Int64(128) << 20, 224 << 20, 192 << 20] {
            try await host.editLive(spec.id, .setMemory(bytes))
            #expect(try await poll { try await host.machine(spec.id)?.hardware.memoryBytes == bytes }, "\(bytes)")
        }
        #expect(await failure { try await host.editLive(spec.id, .setMemory(512 << 20)) }?.code == .invalidArgument)
        try await host.editLive(spec.id, .setVCPUs(2))
        #expect(try await host.machine(spec.id)?.hardware.vcpus == 2)
        #expect(try await poll { try await QEMUHost.guest(spec.id, "test -d /sys/devices/system/cpu/cpu1", on: host) })
        #expect(await failure { try await host.editLive(spec.id, .setVCPUs(4)) }?.code == .invalidArgument)
        #expect(await failure { try await host.editLive(spec.id, .setVCPUs(1)) }?.code == .operationFailed)
        #expect(try await host.machine(spec.id)?.nextBoot?.vcpus == 1)
        try await host.edit(spec.id, [.setVCPUs(2)])
        try await expectNothingPending(spec.id, on: host)
    }

    /// A paused guest lets go of nothing.
    private static func unpluggingHoldsNothingUp(_ spec: MachineSpec, on host: LibvirtConnection) async throws {
        let disk = try await newDisk("vdb", of: spec, on: host)
        try await host.editLive(spec.id, .addDisk(disk))
        try await host.suspend(spec.id)
        let time = try await ContinuousClock().measure {
            for _ in 1...5 { try await host.editLive(spec.id, .removeDisk(target: "vdb")) }
            try await host.change(spec.id, MachineChange(description: "while it waits"))
        }
        #expect(try await targets(spec.id, on: host).contains("vdb"))
        #expect(time < .seconds(10), "\(time)")
        try await host.resume(spec.id)
        #expect(try await poll { try await !targets(spec.id, on: host).contains("vdb") })
    }

    private static func pendingIsSeen(_ spec: MachineSpec, on host: LibvirtConnection) async throws {
        try await host.edit(
            spec.id,
            [
                .setVCPUsMax(5), .setMemoryMax(384 << 20), .setDiskOptions(target: "vda", cache: .unsafe, serial: "s", bootOrder: 1),
                .setMachineType("q35"), .setCPU(nil), .setBoot(nil),
            ])
        let machine = try #require(try await host.machine(spec.id))
        let next = try #require(machine.nextBoot)
        #expect((next.vcpusMax, next.memoryMaxBytes, next.boot, next.cpu) == (5, 384 << 20, nil, "qemu64"))
        #expect(next.disks.first?.cache == "unsafe" && next.disks.first?.serial == "s" && next.disks.first?.bootOrder == 1)
        #expect(next.machineType == machine.hardware.machineType)
        #expect((machine.hardware.vcpusMax, machine.hardware.cpu, machine.hardware.boot) == (3, "max", spec.boot))
        let before = try await host.machineXML(spec.id, inactive: true)
        let none = await failure { try await host.edit(spec.id, [.setVCPUs(3), .removeDisk(target: "vdz")]) }
        #expect(none?.code == .invalidArgument)
        let refused = await failure { try await host.edit(spec.id, [.setMemory(1 << 40)]) }
        #expect(refused != nil)
        #expect(try await host.machineXML(spec.id, inactive: true) == before)
    }

    private static func renaming(_ spec: MachineSpec, on host: LibvirtConnection) async throws {
        let other = Specs.plain(machineID("44444444-0000-4000-8000-000000000007"), name: "lv-hw-other")
        try await host.define(other)
        #expect(await failure { try await host.rename(spec.id, to: other.name) }?.code == .alreadyExists)
        #expect(await failure { try await host.rename(spec.id, to: "a\u{0}b") }?.code == .invalidArgument)
        try await host.rename(spec.id, to: "lv-hw-new")
        let renamed = try #require(try await host.machine(spec.id))
        #expect(renamed.name == "lv-hw-new")
        #expect(renamed.metadata == spec.metadata)
        try await host.rename(spec.id, to: spec.name)
        try await host.undefine(other.id)
    }
}
