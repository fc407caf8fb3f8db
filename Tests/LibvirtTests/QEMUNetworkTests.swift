import Hypervisor
import Testing

@testable import Libvirt

extension OnQEMU {
    /// Networks and pools of a real host.
    @Suite(.serialized, .enabled(if: QEMUHost.guest != nil)) struct QEMUNetworkTests {
        private static func spec() -> NetworkSpec {
            NetworkSpec(
                name: "lv-kept", uuid: "66666666-0000-4000-8000-0000000000f1", mode: .isolated, bridge: nil, cidr: "192.168.211.1/24",
                dhcp: DHCPRange(start: "192.168.211.100", end: "192.168.211.150"))
        }

        private static func seen(_ host: LibvirtConnection) async throws -> NetworkObservation? {
            try await host.networks().first { $0.name == "lv-kept" }
        }

        private static func remove(_ host: LibvirtConnection) async throws {
            guard let network = try await seen(host) else { return }
            if network.isActive { try await host.stopNetwork(network.name) }
            if network.isPersistent { try await host.undefineNetwork(network.name) }
        }

        @Test(.timeLimit(.minutes(3))) func aGuestGetsTheAddressThatIsKeptForIt() async throws {
            let host = try await QEMUHost.connect()
            try await Self.remove(host)
            try await host.defineNetwork(Self.spec())
            let defined = try #require(try await Self.seen(host))
            #expect(defined.bridge != nil)
            #expect(defined.mode == "isolated" && defined.cidr == "192.168.211.1/24" && defined.dhcp == Self.spec().dhcp)
            try await host.startNetwork("lv-kept")
            try await host.setNetworkAutostart("lv-kept", true)
            // Defined anew it keeps its bridge; the running one goes on.
            var wider = Self.spec()
            wider.dhcp = DHCPRange(start: "192.168.211.100", end: "192.168.211.200")
            try await host.defineNetwork(wider)
            #expect(try await Self.seen(host)?.bridge == defined.bridge)
            #expect(try await Self.seen(host)?.dhcp == defined.dhcp)

            var spec = try await QEMUHost.spec("kept", 4, on: host)
            spec.nics[0].network = "lv-kept"
            let kept = DHCPReservation(mac: spec.nics[0].mac, address: "192.168.211.42", hostname: "lv-kept")
            try await host.reserve(kept, on: "lv-kept")
            #expect(try await Self.seen(host)?.reservations == [kept])
            let other = DHCPReservation(mac: "52:54:00:77:00:ff", address: kept.address)
            #expect(await failure { try await host.reserve(other, on: "lv-kept") }?.code == .alreadyExists)
            let sameName = DHCPReservation(mac: "52:54:00:77:00:ff", address: "192.168.211.43", hostname: "lv-kept")
            let taken = await failure { try await host.reserve(sameName, on: "lv-kept") }
            #expect(taken?.code == .alreadyExists, "\(String(describing: taken))")

            try await QEMUHost.boot(spec, on: host)
            #expect(
                try await poll {
                    try await host.addresses(spec.id, source: .lease).contains { $0.address == kept.address && $0.mac == kept.mac }
                })
            #expect(try await host.leases("lv-kept").map(\.address) == [kept.address])
            try await QEMUHost.remove(spec, from: host)

            // The next start goes by the definition, which was told too.
            try await host.stopNetwork("lv-kept")
            try await host.startNetwork("lv-kept")
            #expect(try await Self.seen(host)?.reservations == [kept])
            #expect(try await Self.seen(host)?.dhcp == wider.dhcp)
            try await host.release(mac: kept.mac, on: "lv-kept")
            #expect(try await Self.seen(host)?.reservations == [])
            try await host.stopNetwork("lv-kept")
            #expect(try await Self.seen(host)?.reservations == [])
            try await host.undefineNetwork("lv-kept")
            #expect(try await Self.seen(host) == nil)
            await host.close()
        }

        @Test(.timeLimit(.minutes(1))) func networksInEachOthersWay() async throws {
            let host = try await QEMUHost.connect()
            try await Self.remove(host)
            // The same addresses as the host's default network.
            var spec = Self.spec()
            (spec.mode, spec.cidr, spec.dhcp) = (.nat, "192.168.122.1/24", nil)
            try await host.defineNetwork(spec)
            let used = await failure { try await host.startNetwork(spec.name) }
            #expect(used?.code == .alreadyExists, "\(String(describing: used))")
            var other = spec
            other.uuid = "66666666-0000-4000-8000-0000000000f2"
            let name = await failure { [other] in try await host.defineNetwork(other) }
            #expect(name?.code == .alreadyExists, "\(String(describing: name))")
            other = spec
            other.name = "lv-other"
            let uuid = await failure { [other] in try await host.defineNetwork(other) }
            #expect(uuid?.code == .alreadyExists, "\(String(describing: uuid))")
            let bridge = NetworkSpec(
                name: "lv-lan", uuid: "66666666-0000-4000-8000-0000000000f3", mode: .bridge, bridge: "br-none", cidr: nil, dhcp: nil)
            try await host.defineNetwork(bridge)
            #expect(try await host.networks().first { $0.name == "lv-lan" }?.mode == "bridge")
            try await host.undefineNetwork("lv-lan")
            let noServer = await failure {
                try await host.reserve(DHCPReservation(mac: "52:54:00:77:00:ff", address: "10.0.0.1"), on: "lv-lan")
            }
            #expect(noServer?.code == .networkNotFound)
            try await Self.remove(host)
            await host.close()
        }

        @Test(.timeLimit(.minutes(1))) func poolsInEachOthersWay() async throws {
            let host = try await QEMUHost.connect()
            let uuid = "77777777-0000-4000-8000-0000000000f1"
            let path = try #require(try await host.pools().first { $0.name == "default" }?.path)
            let same = await failure { try await host.definePool(PoolSpec(name: "lv-same", uuid: uuid, path: path)) }
            #expect(same?.code == .alreadyExists, "\(String(describing: same))")
            let name = await failure { try await host.definePool(PoolSpec(name: "default", uuid: uuid, path: "/var/lib/libvirt/lv/x")) }
            #expect(name?.code == .alreadyExists, "\(String(describing: name))")
            let active = await failure { try await host.startPool("default") }
            #expect(active?.code == .invalidState, "\(String(describing: active))")
            let none = await failure { try await host.stopPool("lv-none") }
            #expect(none?.code == .poolNotFound)
            await host.close()
        }

        @Test(.timeLimit(.minutes(1))) func aHostTellsWhatItCan() async throws {
            let host = try await QEMUHost.connect()
            let clock = ContinuousClock()
            var seen = HostCapabilities()
            let time = try await clock.measure { seen = try await host.capabilities() }
            print("capabilities in \(time), lacking \(seen.lacking)")
            #expect(seen.machineTypes.first == "q35")
            #expect(seen.machineTypes.count > 10)
            #expect(seen.cpuModes.contains("host-model") && seen.cpuModes.contains("max"))
            #expect(seen.cpuModels.contains("qemu64"))
            #expect(Set(seen.diskBuses) == Set(DiskSpec.Bus.allCases))
            #expect(seen.poolTypes.contains("dir") && seen.poolTypes.contains("logical"))
            #expect(seen.vcpusMax == 288)
            let dependent: Set<HostFeature> = [.uefi, .secureBoot, .tpm]
            #expect(Set(seen.lacking.keys).isSubset(of: dependent), "\(seen.lacking)")
            await host.close()
        }
    }
}
