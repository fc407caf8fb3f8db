import Hypervisor
import Testing

@testable import Libvirt

extension OnQEMU {
    /// What becomes of calls when the host's daemon hangs or dies.
    @Suite(.serialized, .enabled(if: QEMUHost.daemon != nil)) struct QEMUFaultTests {
        private static let probe = VolumeReference(pool: "default", volume: "lv-fault.raw")

        @Test(.timeLimit(.minutes(2))) func frozenDaemonHoldsNobodyForLong() async throws {
            let host = try await QEMUHost.connect()
            // Several connections are open.
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<8 { group.addTask { _ = try? await host.machines() } }
            }
            try QEMUHost.tell("freeze")
            let clock = ContinuousClock()
            async let read = Self.timed { _ = try await host.machines() }
            async let change = Self.timed { try await host.refreshPool("default") }
            async let define = Self.timed { try await host.define(Specs.plain(name: "lv-never")) }
            let (readTime, readError) = await read
            #expect(readError?.code == .timeout)
            #expect(readTime < .seconds(7), "\(readTime)")
            let (changeTime, changeError) = await change
            // One that finds no connection free waits for another as long as opening may take.
            #expect(changeError?.code == .connectionLost || changeError?.code == .timeout)
            #expect(changeTime < .seconds(25), "\(changeTime)")
            let (defineTime, defineError) = await define
            #expect(defineError?.code == .connectionLost || defineError?.code == .timeout)
            #expect(defineTime < .seconds(25), "\(defineTime)")
            print("frozen daemon: read \(readTime), change \(changeTime), define \(defineTime)")
            let told = await event(from: host) { if case .disconnected = $0 { true } else { false } }
            #expect(told != nil)

            // Once known, the loss costs nothing; opening anew hangs no longer than its deadline, and does not pile up.
            let (quick, quickError) = await Self.timed { _ = try await host.machines() }
            #expect(quickError?.code == .connectionLost)
            #expect(quick < .milliseconds(100), "\(quick)")
            for _ in 0..<2 {
                let (time, error) = await Self.timed { _ = try await host.connect() }
                #expect(error?.code == .timeout || error?.code == .connectionLost)
                #expect(time < .seconds(12), "\(time)")
            }
            // Other hosts go on.
            let other = LibvirtConnection(name: HostName("t"), uri: "test:///default")
            let (otherTime, otherError) = await Self.timed { _ = try await other.connect() }
            #expect(otherError == nil)
            #expect(otherTime < .seconds(1))
            await other.close()

            try QEMUHost.tell("thaw")
            let back = clock.now
            #expect(try await poll { (try? await host.connect()) != nil })
            print("connected again after \(clock.now - back)")
            try await Self.expectEvents(host)
            // What became of the call was unknown: the daemon may have carried it out on waking.
            if try await host.machine(Specs.id) != nil { try await host.undefine(Specs.id) }
            await host.close()
        }

        @Test(.timeLimit(.minutes(1))) func killedDaemonIsNoticedAtOnce() async throws {
            let host = try await QEMUHost.connect()
            if try await host.volume(Self.probe) != nil { try await host.deleteVolume(Self.probe) }
            try await host.createVolume(VolumeSpec(reference: Self.probe, format: "raw", capacityBytes: 1 << 30))
            let upload = try await host.openUpload(Self.probe, offset: 0, length: nil)
            let piece = [UInt8](repeating: 7, count: 1 << 20)
            async let writing = Self.timed { while true { try await upload.write(piece) } }
            async let reading = Self.timed { while true { _ = try await host.machines() } }
            _ = try await poll { try await host.fileSize(Self.probe) > 0 }
            try QEMUHost.tell("kill")
            let killed = ContinuousClock.now
            let (_, writeError) = await writing
            let (_, readError) = await reading
            let took = ContinuousClock.now - killed
            #expect(writeError?.code == .connectionLost)
            #expect(readError?.code == .connectionLost)
            #expect(took < .seconds(5), "\(took)")
            await upload.abort()
            let told = await event(from: host) { if case .disconnected = $0 { true } else { false } }
            #expect(told != nil)
            try QEMUHost.tell("start")
            #expect(try await poll { (try? await host.connect()) != nil })
            try await Self.expectEvents(host)
            try await retry(while: .busy) { try await host.deleteVolume(Self.probe) }
            await host.close()
        }

        /// Callbacks are registered anew after a reconnect.
        private static func expectEvents(_ host: LibvirtConnection) async throws {
            let spec = Specs.plain(machineID("44444444-0000-4000-8000-000000000009"), name: "lv-events")
            try await host.define(spec)
            let defined = await event(from: host) { $0 == .machine(spec.id) }
            #expect(defined != nil)
            try await host.undefine(spec.id)
        }

        private static func timed(_ body: () async throws -> Void) async -> (Duration, HypervisorError?) {
            let start = ContinuousClock.now
            let error = await failure(body)
            return (ContinuousClock.now - start, error)
        }
    }
}
