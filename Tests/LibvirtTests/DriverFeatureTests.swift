import Hypervisor
import Testing

@testable import Libvirt

/// The table of what the test driver lacks, wrong in neither direction.
@Suite struct DriverFeatureTests {
    private struct Attempt: Sendable {
        let feature: HostFeature
        let body: @Sendable (LibvirtConnection) async throws -> Void
    }

    private static let disk = DiskSpec(target: "vdz", source: .init(path: "/store/a", format: "raw"))
    private static let cd = DiskSpec(target: "sda", device: .cdrom, bus: .sata, source: nil)
    private static let nic = NICSpec(mac: "52:54:00:00:00:77", network: "default", model: "virtio")
    private static let volume = VolumeReference(pool: "store", volume: "a")

    private static func made(_ host: LibvirtConnection) async throws -> VolumeReference {
        try await host.createVolume(VolumeSpec(reference: volume, format: "raw", capacityBytes: 1 << 20))
        return volume
    }

    private static let attempts: [Attempt] = [
        Attempt(feature: .cdrom) { try await $0.edit(PrivateWorld.stopped, [.addDisk(cd)]) },
        Attempt(feature: .hotplugDisk) { try await $0.editLive(PrivateWorld.running, .addDisk(disk)) },
        Attempt(feature: .hotplugNIC) { try await $0.editLive(PrivateWorld.running, .addNIC(nic)) },
        Attempt(feature: .setLink) {
            try await $0.edit(PrivateWorld.stopped, [.addNIC(nic)])
            try await $0.start(PrivateWorld.stopped)
            try await $0.editLive(PrivateWorld.stopped, .setNIC(mac: nic.mac, network: nil, isLinkUp: false))
        },
        Attempt(feature: .growVCPUs) { try await $0.editLive(PrivateWorld.running, .setVCPUs(3)) },
        Attempt(feature: .setMemory) { try await $0.editLive(PrivateWorld.running, .setMemory(1 << 30)) },
        Attempt(feature: .editDefinition) { try await $0.edit(PrivateWorld.stopped, [.addDisk(disk)]) },
        Attempt(feature: .rename) { try await $0.rename(PrivateWorld.stopped, to: "another") },
        Attempt(feature: .managedSave) { try await $0.save(PrivateWorld.running) },
        Attempt(feature: .resizeVolume) { try await $0.resizeVolume(made($0), toBytes: 2 << 20) },
        Attempt(feature: .resizeDisk) { try await $0.resizeDisk(PrivateWorld.running, target: "vda", toBytes: 2 << 20) },
        Attempt(feature: .transferVolumes) { _ = try await $0.openUpload(made($0), offset: 0, length: nil) },
        Attempt(feature: .blockCopy) {
            try await $0.startBlockCopy(
                PrivateWorld.running, target: "vda", to: .init(path: "/store/a", format: "raw"), bytesPerSecond: nil)
        },
        Attempt(feature: .helperMachines) {
            try await $0.startHelper(HelperSpec(id: Specs.id, name: helperMachinePrefix, disks: [], metadata: Specs.metadata()))
        },
        Attempt(feature: .screenshot) { _ = try await $0.screenshot(PrivateWorld.running) },
        Attempt(feature: .statistics) { _ = try await $0.statistics() },
        Attempt(feature: .agent) { try await $0.pingAgent(PrivateWorld.running) },
        Attempt(feature: .exec) { _ = try await $0.startProcess(PrivateWorld.running, GuestProgram(arguments: ["true"])) },
        Attempt(feature: .setTime) { try await $0.setTime(PrivateWorld.running, atMilliseconds: 0) },
        Attempt(feature: .defineNetworks) { try await $0.defineNetwork(NetworkXMLTests.nat()) },
        Attempt(feature: .reservations) {
            try await $0.reserve(DHCPReservation(mac: nic.mac, address: "192.168.122.9"), on: "default")
        },
        Attempt(feature: .leases) { _ = try await $0.leases("default") },
        Attempt(feature: .definePools) {
            try await $0.definePool(PoolSpec(name: "p", uuid: "77777777-0000-4000-8000-000000000001", path: "/p"))
        },
    ]

    @Test func theTestDriverLacksWhatItSays() async throws {
        for attempt in Self.attempts {
            try await PrivateWorld.with { host in
                let lacks = try await !host.capabilities().can(attempt.feature)
                let error = await failure { try await attempt.body(host) }
                #expect((error?.code == .unsupported) == lacks, "\(attempt.feature.rawValue): \(String(describing: error))")
                #expect(lacks || error == nil, "\(attempt.feature.rawValue): \(String(describing: error))")
            }
        }
    }
}
