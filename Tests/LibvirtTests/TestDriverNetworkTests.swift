import Hypervisor
import Testing

@testable import Libvirt

/// Networks and pools that are made and taken away, on libvirt's test driver.
@Suite struct TestDriverNetworkTests {
    private static func network(_ host: LibvirtConnection, _ name: String) async throws -> NetworkObservation? {
        try await host.networks().first { $0.name == name }
    }

    @Test func networksComeAndGo() async throws {
        try await PrivateWorld.with { host in
            let spec = NetworkXMLTests.nat()
            try await host.defineNetwork(spec)
            let made = try #require(try await Self.network(host, spec.name))
            #expect(made.uuid == spec.uuid && made.cidr == spec.cidr && made.dhcp == spec.dhcp && made.mode == "nat")
            #expect(made.reservations == spec.reservations)
            #expect(!made.isActive && made.isPersistent && !made.autostart)
            try await host.defineNetwork(spec)
            #expect(try await Self.network(host, spec.name) == made)
            try await host.setNetworkAutostart(spec.name, true)
            try await host.startNetwork(spec.name)
            let running = try #require(try await Self.network(host, spec.name))
            #expect(running.isActive && running.autostart)
            let twice = await failure { try await host.startNetwork(spec.name) }
            #expect(twice?.code == .invalidState)

            var other = spec
            other.uuid = "66666666-0000-4000-8000-000000000009"
            let name = await failure { [other] in try await host.defineNetwork(other) }
            #expect(name?.code == .alreadyExists, "\(String(describing: name))")
            other = spec
            other.name = "another"
            let uuid = await failure { [other] in try await host.defineNetwork(other) }
            #expect(uuid?.code == .alreadyExists, "\(String(describing: uuid))")

            try await host.stopNetwork(spec.name)
            try await host.undefineNetwork(spec.name)
            #expect(try await Self.network(host, spec.name) == nil)
            let gone = await failure { try await host.startNetwork(spec.name) }
            #expect(gone?.code == .networkNotFound)
        }
    }

    @Test func addressesAreKept() async throws {
        try await PrivateWorld.with { host in
            let first = DHCPReservation(mac: "52:54:00:00:00:01", address: "192.168.122.10", hostname: "one")
            var second = DHCPReservation(mac: "52:54:00:00:00:02", address: "192.168.122.11")
            try await host.reserve(first, on: "default")
            try await host.reserve(second, on: "default")
            try await host.reserve(second, on: "default")
            #expect(try await Self.network(host, "default")?.reservations == [first, second])
            second.address = first.address
            let taken = await failure { [second] in try await host.reserve(second, on: "default") }
            #expect(taken?.code == .alreadyExists)
            second.address = "192.168.122.12"
            try await host.reserve(second, on: "default")
            #expect(try await Self.network(host, "default")?.reservations == [first, second])
            try await host.release(mac: "52:54:00:00:00:01", on: "default")
            try await host.release(mac: "52:54:00:00:00:01", on: "default")
            #expect(try await Self.network(host, "default")?.reservations == [second])
            // For the next start too.
            try await host.stopNetwork("default")
            #expect(try await Self.network(host, "default")?.reservations == [second])
            let nowhere = await failure { try await host.reserve(first, on: "none") }
            #expect(nowhere?.code == .networkNotFound)
        }
    }

    /// Many at once: each is kept, and one address goes to one card only.
    @Test func addressesAreKeptAtOnce() async throws {
        try await PrivateWorld.with { host in
            let kept = try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<100 {
                    group.addTask {
                        let mac = "52:54:00:00:01:\(number < 16 ? "0" : "")\(String(number, radix: 16))"
                        let wanted = DHCPReservation(mac: mac, address: "192.168.122.\(20 + number % 50)")
                        let error = await failure { try await host.reserve(wanted, on: "default") }
                        #expect(error == nil || error?.code == .alreadyExists)
                        return error == nil
                    }
                }
                return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(kept == 50)
            #expect(try await Self.network(host, "default")?.reservations.count == 50)
        }
    }

    @Test func poolsComeAndGo() async throws {
        try await PrivateWorld.with { host in
            let spec = PoolSpec(name: "fast", uuid: "77777777-0000-4000-8000-000000000001", path: "/fast")
            try await host.definePool(spec)
            try await host.definePool(spec)
            func seen() async throws -> PoolObservation? { try await host.pools().first { $0.name == "fast" } }
            let made = try #require(try await seen())
            #expect(made.uuid == spec.uuid && made.path == "/fast" && made.type == "dir" && !made.isActive && made.isPersistent)
            try await host.startPool("fast")
            try await host.setPoolAutostart("fast", true)
            #expect(try await seen()?.isActive == true)
            #expect(try await seen()?.autostart == true)
            let name = await failure {
                try await host.definePool(PoolSpec(name: "fast", uuid: "77777777-0000-4000-8000-000000000002", path: "/f"))
            }
            #expect(name?.code == .alreadyExists, "\(String(describing: name))")
            let uuid = await failure { try await host.definePool(PoolSpec(name: "other", uuid: spec.uuid, path: "/f")) }
            #expect(uuid?.code == .alreadyExists, "\(String(describing: uuid))")
            let active = await failure { try await host.undefinePool("fast") }
            #expect(active != nil)
            try await host.stopPool("fast")
            try await host.undefinePool("fast")
            #expect(try await seen() == nil)
            #expect(await failure { try await host.startPool("fast") }?.code == .poolNotFound)
            let grow = await failure { try await host.resizeVolume(VolumeReference(pool: "store", volume: "none"), toBytes: 1) }
            #expect(grow?.code == .volumeNotFound)
        }
    }
}
