import Hypervisor
import Testing

@testable import Libvirt

/// Objects of libvirt's are given back: memory, threads and subscriptions stay flat under load.
@Suite(.serialized) struct HandleTests {
    /// In a process of its own: other suites' memory is no business of this one.
    @Test func memoryStaysFlat() async throws {
        await #expect(processExitsWith: .success) {
            try await PrivateWorld.with(extraDomains: 50) { host in
                func rounds(_ count: Int) async throws {
                    for _ in 0..<count {
                        _ = try await host.machines()
                        _ = try await host.pools()
                        _ = try await host.networks()
                        _ = try await host.statistics()
                        _ = try await host.screenshot(PrivateWorld.running)
                        _ = try await host.capabilities()
                        try await host.reserve(DHCPReservation(mac: "52:54:00:00:00:01", address: "192.168.122.9"), on: "default")
                        try await host.release(mac: "52:54:00:00:00:01", on: "default")
                        _ = await failure { try await host.undefine(Specs.id) }
                    }
                }
                try await rounds(40)
                let before = try ProcessStatus.residentKilobytes()
                try await rounds(200)
                let after = try ProcessStatus.residentKilobytes()
                if after - before >= 8192 { throw Grown(from: before, to: after) }
            }
        }
    }

    private struct Grown: Error {
        let from: Int
        let to: Int
    }

    @Test func reconnectsLeaveNothing() async throws {
        func round() async throws {
            let host = LibvirtConnection(name: HostName("x"), uri: "test:///default")
            _ = try await host.connect()
            _ = try await host.machines()
            await host.close()
        }
        for _ in 0..<5 { try await round() }
        for _ in 0..<50 { try await round() }
        // Other suites connect at the same time: a handful more, not fifty.
        #expect(try await poll { SubscriptionTable.count < 40 })
        #expect(try await poll { try ProcessStatus.threads() < 150 })
    }

    @Test func manyCallsAtOnce() async throws {
        try await PrivateWorld.with { host in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<200 {
                    group.addTask {
                        let count = try await host.machines().count
                        #expect(count == 2)
                    }
                    group.addTask {
                        let machine = try await host.machine(PrivateWorld.running)
                        #expect(machine != nil)
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}
