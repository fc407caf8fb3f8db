import Hypervisor
import Platform
import Testing

@testable import Libvirt

extension OnQEMU {
    /// The adapter on a real libvirtd with real guests.
    @Suite(.serialized, .enabled(if: QEMUHost.guest != nil)) struct QEMUTests {
        @Test(.timeLimit(.minutes(3))) func lifeOfAGuest() async throws {
            let host = try await QEMUHost.connect()
            let spec = try await QEMUHost.spec("life", 1, on: host)
            try await QEMUHost.boot(spec, on: host)
            let seen = try #require(try await host.machine(spec.id))
            #expect(seen.state == .running)
            #expect(seen.metadata == spec.metadata)
            #expect(seen.agentConnected)
            #expect(seen.hardware.accelerator == .tcg)
            #expect(seen.hardware.machineType?.contains("q35") == true)
            #expect(seen.hardware.consoleLogPath == spec.consoleLogPath)
            #expect(seen.hardware.disks.map(\.backingPaths) == [spec.disks.flatMap { $0.source?.backing.map(\.path) ?? [] }])

            for source in [GuestAddress.Source.agent, .lease] {
                #expect(
                    try await poll {
                        try await host.addresses(spec.id, source: source).contains {
                            $0.mac == spec.nics.first?.mac && $0.address.hasPrefix("192.168.")
                        }
                    }, "\(source)")
            }
            #expect(try await host.leases("default").contains { $0.mac == spec.nics.first?.mac })

            try await host.markStarted(spec.id, atMilliseconds: 42)
            try await host.change(spec.id, MachineChange(description: "while <running>", autostart: true))
            let changed = try #require(try await host.machine(spec.id))
            #expect(changed.startedAtMilliseconds == 42)
            #expect(changed.description == "while <running>")
            #expect(changed.metadata == spec.metadata)
            #expect(changed.autostart)

            try await host.suspend(spec.id)
            #expect(try await host.machine(spec.id)?.state == .paused)
            try await host.resume(spec.id)
            try await QEMUHost.agentAnswers(spec.id, on: host)
            try await host.reset(spec.id)
            #expect(try await poll { try await host.machine(spec.id)?.agentConnected == false })
            try await QEMUHost.agentAnswers(spec.id, on: host)
            try await host.requestReboot(spec.id)
            #expect(try await poll { try await host.machine(spec.id)?.agentConnected == false })
            try await QEMUHost.agentAnswers(spec.id, on: host)

            let clock = ContinuousClock()
            let asking = try await clock.measure { try await host.requestShutdown(spec.id) }
            #expect(asking < .seconds(5), "\(asking)")
            #expect(try await poll { try await host.machine(spec.id)?.state == .stopped })
            let stopped = try #require(try await host.machine(spec.id))
            #expect(stopped.startedAtMilliseconds == nil)
            #expect(stopped.metadata == spec.metadata)
            #expect(stopped.description == "while <running>")
            try await QEMUHost.remove(spec, from: host)
            #expect(try await host.machine(spec.id) == nil)
            await host.close()
        }

        @Test(.timeLimit(.minutes(3))) func consoleLogIsAVolume() async throws {
            let host = try await QEMUHost.connect()
            let spec = try await QEMUHost.spec("log", 2, on: host)
            try await QEMUHost.boot(spec, on: host)
            try await host.refreshPool("default")
            let log = VolumeReference(pool: "default", volume: "lv-log-console.log")
            #expect(try await poll { try await host.fileSize(log) > 20 })
            let size = try await host.fileSize(log)
            let tail = try await Self.download(log, offset: size - 20, from: host)
            #expect(tail.count >= 20)
            #expect(try await Self.download(log, offset: size + 100_000, from: host).isEmpty)
            try await host.destroy(spec.id)
            try await QEMUHost.remove(spec, from: host)
            await host.close()
        }

        @Test(.timeLimit(.minutes(2))) func hundredMebibytesThereAndBack() async throws {
            let host = try await QEMUHost.connect()
            let reference = VolumeReference(pool: "default", volume: "lv-stream.raw")
            if try await host.volume(reference) != nil { try await host.deleteVolume(reference) }
            let megabytes = 100
            try await host.createVolume(VolumeSpec(reference: reference, format: "raw", capacityBytes: Int64(megabytes) << 20))
            var random = SeededRandom(seed: 1)
            var piece = [UInt8](repeating: 0, count: 1 << 20)
            let before = try ProcessStatus.residentKilobytes()
            let upload = try await host.openUpload(reference, offset: 0, length: Int64(megabytes) << 20)
            let sent = SHA256()
            for index in 0..<megabytes {
                for place in stride(from: 0, to: piece.count, by: 4096) { piece[place] = UInt8(truncatingIfNeeded: random.next()) }
                piece[1] = UInt8(index)
                sent.update(piece)
                try await upload.write(piece)
            }
            try await upload.finish()
            await upload.abort()
            let twice = await failure { try await upload.finish() }
            #expect(twice?.code == .invalidState)
            let download = try await host.openDownload(reference, offset: 0, length: nil)
            let received = SHA256()
            var count = 0
            while let bytes = try await download.read() {
                received.update(bytes)
                count += bytes.count
            }
            #expect(count == megabytes << 20)
            #expect(received.finish() == sent.finish())
            let grown = try ProcessStatus.residentKilobytes() - before
            #expect(grown < 32 << 10, "grew by \(grown) KiB")
            #expect(try await host.fileSize(reference) == Int64(megabytes) << 20)
            #expect(try await Self.download(reference, offset: 5 << 20, length: 3, from: host).count == 3)
            #expect(try await Self.download(reference, offset: 0, length: 0, from: host).isEmpty)

            // Given up half way: the connection lives on.
            let half = try await host.openUpload(reference, offset: 0, length: nil)
            try await half.write(piece)
            await half.abort()
            let other = try await host.openDownload(reference, offset: 0, length: nil)
            _ = try await other.read()
            await other.abort()
            #expect(try await other.read() == nil)
            try await retry(while: .busy) { try await host.deleteVolume(reference) }
            await host.close()
        }

        @Test(.timeLimit(.minutes(1))) func probesTellHowLongTheFirmwareTakes() async throws {
            let host = try await QEMUHost.connect()
            let tcg = try #require(try await host.bootProbe(.tcg, name: "gantry-work-probe-tcg", limit: .seconds(20)))
            #expect(tcg > .milliseconds(10))
            #expect(tcg < .seconds(10))
            print("boot probe, tcg: \(tcg)")
            if try await host.connect().offeredAccelerators.contains(.kvm) {
                let kvm = try await host.bootProbe(.kvm, name: "gantry-work-probe-kvm", limit: .seconds(20))
                print("boot probe, kvm: \(kvm.map { "\($0)" } ?? "no end")")
                let short = try await host.bootProbe(.kvm, name: "gantry-work-probe-kvm", limit: .milliseconds(1))
                print("boot probe, kvm, 1 ms limit: \(short.map { "\($0)" } ?? "no end")")
            }
            #expect(try await host.machines().allSatisfy { !$0.name.hasPrefix(helperMachinePrefix) })
            await host.close()
        }

        @Test(.timeLimit(.minutes(1))) func spareSlotsAreFree() async throws {
            let host = try await QEMUHost.connect()
            var spec = Specs.plain(machineID("44444444-0000-4000-8000-000000000008"), name: "lv-slots")
            spec.nics = [NICSpec(mac: "52:54:00:77:00:08", network: "default", model: "virtio")]
            try await host.define(spec)
            let xml = try await host.machineXML(spec.id, inactive: true)
            let ports = xml.split(separator: "model='pcie-root-port'").count - 1
            let used = (1...ports).filter { xml.contains("bus='0x\($0 < 16 ? "0" : "")\(String($0, radix: 16))' slot='0x00'") }.count
            #expect(ports - used >= 16, "\(ports) ports, \(used) used")
            try await host.undefine(spec.id)
            await host.close()
        }

        static func download(
            _ reference: VolumeReference, offset: Int64, length: Int64? = nil, from host: LibvirtConnection
        ) async throws -> [UInt8] {
            let download = try await host.openDownload(reference, offset: offset, length: length)
            var all: [UInt8] = []
            while let bytes = try await download.read() { all += bytes }
            return all
        }
    }
}
