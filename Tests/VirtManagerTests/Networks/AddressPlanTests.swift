import Hypervisor
import Testing

@testable import VirtManager

@Suite struct AddressPlanTests {
    private static let mac = "52:54:00:00:00:01"
    private static let other = "52:54:00:00:00:02"

    private static func plan(
        cidr: String? = "192.168.50.1/24", dhcp: DHCPRange? = DHCPRange(start: "192.168.50.10", end: "192.168.50.99"),
        reservations: [DHCPReservation] = [], leases: [LeaseObservation] = []
    ) -> AddressPlan {
        AddressPlan(
            network: NetworkObservation(
                name: "lab", mode: "nat", bridge: "virbr1", cidr: cidr, dhcp: dhcp, reservations: reservations, isActive: true,
                autostart: false), leases: leases, now: 1000, machine: { $0 == other ? "web2" : nil })
    }

    private static func lease(_ mac: String, _ address: String, until: Int64?) -> LeaseObservation {
        LeaseObservation(network: "lab", mac: mac, address: address, prefix: 24, hostname: "guest", expiresAtMilliseconds: until)
    }

    private static func refusal(_ plan: AddressPlan, _ text: String, for mac: String = mac) -> AddressPlan.Refusal? {
        do throws(AddressPlan.Refusal) {
            _ = try plan.address(text, for: mac)
            return nil
        } catch {
            return error
        }
    }

    @Test func anAddressOfTheSubnetIsFree() throws {
        #expect(try Self.plan().address("192.168.50.200", for: Self.mac).description == "192.168.50.200")
        #expect(try Self.plan().address("192.168.50.10", for: Self.mac).description == "192.168.50.10")
    }

    @Test(arguments: [
        ("192.168.51.10", "outside"), ("192.168.50.1", "itself"), ("192.168.50.0", "subnet's own"), ("192.168.50.255", "broadcast"),
        ("192.168.050.9", "not an IPv4"), ("fd00::1", "not an IPv4"), ("", "not an IPv4"), ("1.2.3.4.5", "not an IPv4"),
        ("192.168.50.256", "not an IPv4"), ("192.168.50.+9", "not an IPv4"),
    ]) func addressesThatNobodyCanHave(_ text: String, _ word: String) {
        #expect(Self.refusal(Self.plan(), text)?.detail.contains(word) == true, "\(text)")
    }

    @Test func theHolderIsNamed() {
        let kept = Self.plan(reservations: [DHCPReservation(mac: Self.other, address: "192.168.50.20")])
        #expect(Self.refusal(kept, "192.168.50.20")?.detail == "is kept for VM 'web2' (\(Self.other))")
        #expect(Self.refusal(kept, "192.168.50.20")?.holder == Self.other)
        #expect(Self.refusal(kept, "192.168.50.20", for: Self.other.uppercased()) == nil)
        let foreign = "52:54:00:aa:00:00"
        let leased = Self.plan(leases: [
            Self.lease(foreign, "192.168.50.21", until: 2000), Self.lease(foreign, "192.168.50.22", until: 999),
        ])
        #expect(Self.refusal(leased, "192.168.50.21")?.detail == "is leased to \(foreign) ('guest')")
        #expect(Self.refusal(leased, "192.168.50.21", for: foreign) == nil)
        // That lease is over.
        #expect(Self.refusal(leased, "192.168.50.22") == nil)
    }

    @Test func aNetworkWithoutAServerKeepsNothing() {
        #expect(Self.refusal(Self.plan(dhcp: nil), "192.168.50.20")?.detail.contains("no DHCP server") == true)
        let fixed = [DHCPReservation(mac: Self.other, address: "192.168.50.9")]
        #expect(Self.refusal(Self.plan(dhcp: nil, reservations: fixed), "192.168.50.20") == nil)
        #expect(Self.refusal(Self.plan(cidr: "fd00::1/64"), "192.168.50.20")?.detail.contains("no IPv4 subnet") == true)
        #expect(Self.refusal(Self.plan(cidr: nil), "192.168.50.20")?.detail.contains("no IPv4 subnet") == true)
    }

    @Test func subnets() throws {
        let subnet = try #require(IPv4Subnet("10.1.2.3/20"))
        #expect(subnet.network.description == "10.1.0.0" && subnet.broadcast.description == "10.1.15.255")
        #expect(subnet.firstHost.description == "10.1.0.1" && subnet.lastHost.description == "10.1.15.254")
        let inner = try #require(IPv4Subnet("10.1.15.0/24"))
        let beside = try #require(IPv4Subnet("10.1.16.0/24"))
        #expect(subnet.overlaps(inner) && inner.overlaps(subnet) && !subnet.overlaps(beside) && !beside.overlaps(subnet))
        #expect(try #require(IPv4Subnet("0.0.0.0/0")).overlaps(beside))
        for bad in ["10.0.0.1", "10.0.0.1/33", "10.0.0.1/", "10.0.0.1/08", "10.0.0.1/-1", "10.0.0/24", "/24", "10.0.0.1/24/1", "a/24"] {
            #expect(IPv4Subnet(bad) == nil, "\(bad)")
        }
    }
}
