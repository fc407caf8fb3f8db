import Hypervisor
import TestSupport

extension PortCase {
    private static let made = NetworkSpec(
        name: "port-net", uuid: "11111111-0000-4000-8000-0000000000cc", mode: .isolated, bridge: "virbr77", cidr: "10.199.7.1/24",
        dhcp: DHCPRange(start: "10.199.7.10", end: "10.199.7.99"))
    private static let kept = DHCPReservation(mac: "52:54:00:77:77:03", address: "10.199.7.5", hostname: "web1")

    private static func network(_ host: any HostConnection) async throws -> NetworkObservation? {
        try await host.networks().first { $0.name == made.name }
    }

    private static func withNetwork(_ host: any HostConnection, _ body: () async throws -> Void) async throws {
        func sweep() async {
            try? await host.stopNetwork(made.name)
            try? await host.undefineNetwork(made.name)
        }
        await sweep()
        do { try await body() } catch {
            await sweep()
            throw error
        }
        await sweep()
    }

    static let networksAndPools = [
        PortCase("network", .defineNetworks) { host, _ in
            try await withNetwork(host) {
                try await host.defineNetwork(made)
                var seen = try await network(host)
                try must(seen?.uuid == made.uuid && seen?.isActive == false && seen?.isPersistent == true, "\(String(describing: seen))")
                try must(seen?.mode == "isolated" && seen?.cidr == made.cidr && seen?.dhcp == made.dhcp, "\(String(describing: seen))")
                try await host.startNetwork(made.name)
                try await host.setNetworkAutostart(made.name, true)
                seen = try await network(host)
                try must(seen?.isActive == true && seen?.autostart == true, "\(String(describing: seen))")
                var other = made
                other.uuid = "11111111-0000-4000-8000-0000000000dd"
                try await must(fail: .alreadyExists) { try await host.defineNetwork(other) }
                try await host.stopNetwork(made.name)
                try await host.undefineNetwork(made.name)
                try must(try await network(host) == nil, "still there")
                try await must(fail: .networkNotFound) { try await host.startNetwork(made.name) }
            }
        },
        PortCase("reservations", .reservations) { host, _ in
            try await withNetwork(host) {
                try await host.defineNetwork(made)
                try await host.startNetwork(made.name)
                try await host.reserve(kept, on: made.name)
                try must(try await network(host)?.reservations == [kept], "not kept")
                try await host.reserve(kept, on: made.name)
                var moved = kept
                moved.address = "10.199.7.6"
                try await host.reserve(moved, on: made.name)
                try must(try await network(host)?.reservations == [moved], "not replaced")
                let other = DHCPReservation(mac: "52:54:00:77:77:04", address: moved.address)
                try await must(fail: .alreadyExists) { try await host.reserve(other, on: made.name) }
                try await host.release(mac: kept.mac, on: made.name)
                try await host.release(mac: kept.mac, on: made.name)
                try must(try await network(host)?.reservations.isEmpty == true, "still kept")
            }
        },
        PortCase("leases", .leases) { host, _ in
            _ = try await host.leases("default")
            try await must(fail: .networkNotFound) { _ = try await host.leases("nowhere") }
        },
        PortCase("pool", .definePools) { host, _ in
            let path = "\(try await store(host))-2"
            let spec = PoolSpec(name: "port-pool", uuid: "11111111-0000-4000-8000-0000000000ee", path: path)
            func pool() async throws -> PoolObservation? { try await host.pools().first { $0.name == spec.name } }
            if try await pool() != nil {
                try? await host.stopPool(spec.name)
                try await host.undefinePool(spec.name)
            }
            try await host.definePool(spec)
            let defined = try await pool()
            try must(defined?.uuid == spec.uuid && defined?.isActive == false, "not defined")
            try await host.startPool(spec.name)
            try await host.setPoolAutostart(spec.name, true)
            let seen = try await pool()
            try must(seen?.isActive == true && seen?.autostart == true && seen?.path == path, "\(String(describing: seen))")
            try must(try await host.volumes(in: spec.name).isEmpty, "volumes")
            var other = spec
            other.uuid = "11111111-0000-4000-8000-0000000000ff"
            try await must(fail: .alreadyExists) { try await host.definePool(other) }
            try await host.stopPool(spec.name)
            try await host.undefinePool(spec.name)
            try must(try await pool() == nil, "still there")
        },
    ]
}
