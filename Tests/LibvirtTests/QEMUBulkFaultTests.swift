import Hypervisor
import Testing

@testable import Libvirt

extension OnQEMU {
    @Suite(.serialized, .enabled(if: QEMUHost.daemon != nil)) struct QEMUBulkFaultTests {
        /// Counters asked again and again of a daemon that hangs end in time, pile up nowhere, and come back.
        @Test(.timeLimit(.minutes(1))) func countersOfAFrozenHost() async throws {
            let settings = ConnectionSettings(readDeadline: .seconds(1))
            let host = try await QEMUHost.connect(settings)
            _ = try await host.statistics()
            let clock = ContinuousClock()
            try QEMUHost.tell("freeze")
            for _ in 0..<5 {
                var error: HypervisorError?
                let time = await clock.measure { error = await failure { _ = try await host.statistics() } }
                #expect(error?.code == .timeout)
                #expect(time < .seconds(5), "\(time)")
            }
            // Other lanes are free for whoever asks: it is the host that does not answer there.
            let time = await clock.measure { _ = await failure { _ = try await host.machines() } }
            #expect(time < .seconds(5), "\(time)")
            #expect(host.bulk.load > 0, "one hangs")
            try QEMUHost.tell("thaw")
            #expect(try await poll { (try? await host.statistics()) != nil })
            // What was given up is passed over.
            #expect(try await poll { host.bulk.load == 0 })
            await host.close()
        }
    }
}
