import Hypervisor
import Testing

@testable import Libvirt

extension OnQEMU {
    /// Disks that grow and move, of a booted guest and of a stopped one.
    @Suite(.serialized, .enabled(if: QEMUHost.guest != nil)) struct QEMUBlockTests {
        private static let second = PoolSpec(
            name: "lv-second", uuid: "77777777-0000-4000-8000-00000000000a", path: "/var/lib/libvirt/lv/second")

        @Test(.timeLimit(.minutes(5))) func disksMove() async throws {
            let host = try await QEMUHost.connect()
            try await Self.removePool(host)
            try await host.definePool(Self.second)
            // The directory is not there yet.
            try await host.startPool(Self.second.name)
            #expect(try await host.pools().first { $0.name == Self.second.name }?.isActive == true)
            let spec = try await QEMUHost.spec("move", 3, on: host)
            try await QEMUHost.boot(spec, on: host)
            _ = try await QEMUGuestTests.run(spec.id, host, ["/bin/sh", "-c", "echo payload > /data/mark; sync"])

            try await Self.grows(spec, host)
            try await Self.copiesOneLayer(spec, host)
            try await Self.copiesLive(spec, host)
            try await host.destroy(spec.id)
            try await Self.copiesStopped(spec, host)

            try await host.start(spec.id)
            try await QEMUHost.agentAnswers(spec.id, on: host)
            #expect(try await QEMUGuestTests.run(spec.id, host, ["/bin/cat", "/data/mark"]).output == Array("payload\n".utf8))
            try await QEMUHost.remove(spec, from: host)
            try await Self.removePool(host)
            await host.close()
        }

        private static func removePool(_ host: LibvirtConnection) async throws {
            guard let pool = try await host.pools().first(where: { $0.name == second.name }) else { return }
            if pool.isActive {
                try await host.refreshPool(pool.name)
                for volume in try await host.volumes(in: pool.name) { try await host.deleteVolume(volume.reference) }
                try await host.stopPool(pool.name)
            }
            try await host.undefinePool(pool.name)
        }

        private static func volume(
            _ name: String, pool: String, capacity: Int64?, backing: String? = nil, _ host: LibvirtConnection
        ) async throws -> VolumeObservation {
            let reference = VolumeReference(pool: pool, volume: name)
            try await host.createVolume(
                VolumeSpec(
                    reference: reference, format: "qcow2", capacityBytes: capacity,
                    backing: backing.map { .init(path: $0, format: "qcow2") }))
            return try #require(try await host.volume(reference))
        }

        /// The file of the guest's disk, as the running machine and as the definition have it.
        private static func paths(_ id: MachineID, _ host: LibvirtConnection) async throws -> [String?] {
            let live = try DomainDescription(xml: await host.machineXML(id, inactive: false))
            let defined = try DomainDescription(xml: await host.machineXML(id, inactive: true))
            return [live.hardware.disks.first?.path, defined.hardware.disks.first?.path]
        }

        private static func grows(_ spec: MachineSpec, _ host: LibvirtConnection) async throws {
            let disk = VolumeReference(pool: "default", volume: "lv-move.qcow2")
            let before = try #require(try await host.volume(disk)).capacityBytes
            try await host.resizeDisk(spec.id, target: "vda", toBytes: before + 32 << 20)
            let size = try await QEMUGuestTests.run(spec.id, host, ["/bin/cat", "/sys/block/vda/size"]).output
            #expect(String(decoding: size, as: UTF8.self) == "\((before + 32 << 20) / 512)\n")
            try await host.refreshPool("default")
            #expect(try await host.volume(disk)?.capacityBytes == before + 32 << 20)
            let none = await failure { try await host.resizeDisk(spec.id, target: "vdz", toBytes: 1 << 30) }
            #expect(none?.code == .invalidArgument, "\(String(describing: none))")
        }

        private static func copiesLive(_ spec: MachineSpec, _ host: LibvirtConnection) async throws {
            let size = try #require(try await host.volume(VolumeReference(pool: second.name, volume: "over.qcow2"))).capacityBytes
            let copy = try await volume("moved.qcow2", pool: second.name, capacity: size, host)
            let destination = DiskSpec.Source(path: copy.path, format: "qcow2")
            let old = try await paths(spec.id, host)
            #expect(try await host.blockJob(spec.id, target: "vda") == nil)
            let nothing = await failure { try await host.abortBlockJob(spec.id, target: "vda") }
            #expect(nothing?.code == .invalidState, "\(String(describing: nothing))")

            // Slow enough to be seen, to be too early, and to be given up.
            try await host.startBlockCopy(spec.id, target: "vda", to: destination, bytesPerSecond: 256 << 10)
            let job = try #require(try await host.blockJob(spec.id, target: "vda"))
            #expect(job.kind == .copy && !job.isReady)
            let early = await failure { try await host.pivotBlockCopy(spec.id, target: "vda") }
            #expect(early?.code == .busy, "\(String(describing: early))")
            let twice = await failure { try await host.startBlockCopy(spec.id, target: "vda", to: destination, bytesPerSecond: nil) }
            #expect(twice?.code == .busy, "\(String(describing: twice))")
            try await host.abortBlockJob(spec.id, target: "vda")
            #expect(try await host.blockJob(spec.id, target: "vda") == nil)
            #expect(try await paths(spec.id, host) == old)

            try await move(spec.id, to: destination, host)
            #expect(try await paths(spec.id, host) == [copy.path, copy.path])
            let live = try #require(try await host.machine(spec.id))
            #expect(live.hardware.disks.first?.backingPaths == [])
            #expect(try await QEMUGuestTests.run(spec.id, host, ["/bin/cat", "/data/mark"]).output == Array("payload\n".utf8))
        }

        private static func move(_ id: MachineID, to destination: DiskSpec.Source, _ host: LibvirtConnection) async throws {
            let clock = ContinuousClock()
            let start = clock.now
            try await host.startBlockCopy(id, target: "vda", to: destination, bytesPerSecond: nil)
            #expect(try await poll { try await host.blockJob(id, target: "vda")?.isReady == true })
            let ready = clock.now
            try await host.pivotBlockCopy(id, target: "vda")
            print("copy in step after \(ready - start), pivot \(clock.now - ready)")
            #expect(try await host.blockJob(id, target: "vda") == nil)
        }

        /// A destination with layers of its own gets the active layer alone.
        private static func copiesOneLayer(_ spec: MachineSpec, _ host: LibvirtConnection) async throws {
            let machine = try #require(try await host.machine(spec.id))
            let base = try #require(machine.hardware.disks.first?.backingPaths.first)
            let size = try #require(try await host.volume(VolumeReference(pool: "default", volume: "lv-move.qcow2"))).capacityBytes
            let overlay = try await volume("over.qcow2", pool: second.name, capacity: size, backing: base, host)
            let layered = DiskSpec.Source(path: overlay.path, format: "qcow2", backing: [.init(path: base, format: "qcow2")])
            try await move(spec.id, to: layered, host)
            #expect(try await paths(spec.id, host) == [overlay.path, overlay.path])
            #expect(try await host.machine(spec.id)?.hardware.disks.first?.backingPaths == [base])
            try await host.refreshPool(second.name)
            let copied = try #require(try await host.volume(overlay.reference))
            let whole = try #require(try await host.volume(VolumeReference(pool: "default", volume: "lv-move-base.qcow2")))
            #expect(copied.backingPath == base)
            #expect(copied.allocationBytes < whole.capacityBytes, "\(copied)")
        }

        private static func copiesStopped(_ spec: MachineSpec, _ host: LibvirtConnection) async throws {
            let machine = try #require(try await host.machine(spec.id))
            let disk = try #require(machine.hardware.disks.first)
            let path = try #require(disk.path)
            let source = try #require(try await host.volume(VolumeReference(pool: second.name, volume: "moved.qcow2")))
            #expect(source.path == path)
            let copy = try await volume("lv-move-back.qcow2", pool: "default", capacity: source.capacityBytes, host)
            let helper = HelperSpec(
                id: machineID("88888888-0000-4000-8000-000000000001"), name: "\(helperMachinePrefix)lv-test",
                disks: [DiskSpec(target: "vda", source: .init(path: path, format: "qcow2"))], metadata: Specs.metadata())
            let starting = try await ContinuousClock().measure { try await host.startHelper(helper) }
            print("helper started in \(starting)")
            let seen = try #require(try await host.machine(helper.id))
            #expect(seen.state == .paused && !seen.isPersistent && seen.metadata == helper.metadata && seen.name == helper.name)
            // Whoever starts the machine meanwhile is refused by the disk's lock.
            let locked = await failure { try await host.start(spec.id) }
            #expect(locked?.code == .busy, "\(String(describing: locked))")
            let destination = DiskSpec.Source(path: copy.path, format: "qcow2")
            try await move(helper.id, to: destination, host)
            #expect(try await host.machine(helper.id)?.hardware.disks.first?.path == copy.path)
            try await host.destroy(helper.id)
            #expect(try await host.machine(helper.id) == nil)
            try await host.edit(spec.id, [.setSource(target: "vda", destination)])
            #expect(try await paths(spec.id, host) == [copy.path, copy.path])
        }

        @Test func otherNamesAreNoHelpers() async throws {
            let host = try await QEMUHost.connect()
            let error = await failure {
                try await host.startHelper(
                    HelperSpec(id: machineID("88888888-0000-4000-8000-000000000002"), name: "mine", disks: [], metadata: Specs.metadata()))
            }
            #expect(error?.code == .invalidArgument)
            await host.close()
        }

        @Test(.timeLimit(.minutes(1))) func volumesGrow() async throws {
            let host = try await QEMUHost.connect()
            for format in ["raw", "qcow2"] {
                let reference = VolumeReference(pool: "default", volume: "lv-grow.\(format)")
                if try await host.volume(reference) != nil { try await host.deleteVolume(reference) }
                try await host.createVolume(VolumeSpec(reference: reference, format: format, capacityBytes: 1 << 20))
                try await host.resizeVolume(reference, toBytes: 5 << 20)
                let seen = try #require(try await host.volume(reference))
                #expect(seen.capacityBytes == 5 << 20)
                #expect(seen.allocationBytes < 1 << 20)
                let smaller = await failure { try await host.resizeVolume(reference, toBytes: 1 << 20) }
                #expect(smaller?.code == .invalidArgument)
                #expect(try await host.volume(reference)?.capacityBytes == 5 << 20)
                try await host.deleteVolume(reference)
            }
            await host.close()
        }
    }
}
