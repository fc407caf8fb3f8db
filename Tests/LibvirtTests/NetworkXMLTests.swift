import Hypervisor
import Testing

@testable import Libvirt

/// Networks as they are written and read.
@Suite struct NetworkXMLTests {
    static func nat() -> NetworkSpec {
        NetworkSpec(
            name: "web <&'\"> é", uuid: "66666666-0000-4000-8000-000000000001", mode: .nat, bridge: nil, cidr: "192.168.50.1/24",
            dhcp: DHCPRange(start: "192.168.50.100", end: "192.168.50.199"),
            reservations: [
                DHCPReservation(mac: "52:54:00:00:00:01", address: "192.168.50.10", hostname: "db-1"),
                DHCPReservation(mac: "52:54:00:00:00:02", address: "192.168.50.11"),
            ])
    }

    @Test func writtenNetworksAreAsKept() throws {
        try Golden.check(NetworkXML.write(Self.nat()), "write-network-nat.xml")
        var isolated = Self.nat()
        (isolated.mode, isolated.bridge, isolated.dhcp, isolated.reservations) = (.isolated, "gantry0", nil, [])
        try Golden.check(NetworkXML.write(isolated, mac: "52:54:00:99:99:99"), "write-network-isolated.xml")
        isolated.cidr = nil
        try Golden.check(NetworkXML.write(isolated), "write-network-no-address.xml")
        let bridge = NetworkSpec(
            name: "lan", uuid: "66666666-0000-4000-8000-000000000002", mode: .bridge, bridge: "br0", cidr: nil, dhcp: nil)
        try Golden.check(NetworkXML.write(bridge), "write-network-bridge.xml")
    }

    @Test func writtenNetworksReadBack() throws {
        let spec = Self.nat()
        let seen = try NetworkXML.network(NetworkXML.write(spec), isActive: true, isPersistent: false, autostart: true)
        #expect(
            seen
                == NetworkObservation(
                    name: spec.name, uuid: spec.uuid, mode: "nat", bridge: nil, cidr: spec.cidr, dhcp: spec.dhcp,
                    reservations: spec.reservations, isActive: true, isPersistent: false, autostart: true))
    }

    @Test(arguments: ["", "/", "10.0.0.1", "10.0.0.1/", "/24", "10.0.0.1/x", "10.0.0.1/-1", "10.0.0.1/129", "10.0.0.1/24/1"])
    func wrongAddressesAreRefused(_ cidr: String) {
        var spec = Self.nat()
        spec.cidr = cidr
        #expect { try NetworkXML.write(spec) } throws: { ($0 as? HypervisorError)?.code == .invalidArgument }
    }

    @Test func controlCharactersAreRefused() {
        var spec = Self.nat()
        spec.reservations[0].hostname = "bell\u{7}"
        #expect { try NetworkXML.write(spec) } throws: { ($0 as? HypervisorError)?.code == .invalidArgument }
        #expect(throws: HypervisorError.self) { try NetworkXML.host(spec.reservations[0]) }
    }

    /// What other tools make of networks.
    @Test func foreignNetworksAreRead() throws {
        let strange = try NetworkXML.network(
            """
            <network connections='1'><name>x</name><uuid>66666666-0000-4000-8000-00000000000A</uuid><forward mode='route' dev='eth0'/>
            <ip family='ipv6' address='fd00::1' prefix='64'><dhcp><range start='fd00::10' end='fd00::20'/>
              <host id='0:1' name='six' ip='fd00::11'/></dhcp></ip>
            <ip address='10.1.0.1' netmask='255.255.0.0'><dhcp><host name='by-name' ip='10.1.0.4'/>
              <host mac='52:54:00:AB:CD:EF' ip='10.1.0.5'><lease expiry='1'/></host><range start='10.1.1.1' end='10.1.1.9'/></dhcp></ip>
            </network>
            """, isActive: true, isPersistent: true, autostart: false)
        #expect(strange.uuid == "66666666-0000-4000-8000-00000000000a")
        #expect(strange.mode == "route")
        #expect(strange.cidr == "10.1.0.1/16")
        #expect(strange.dhcp == DHCPRange(start: "10.1.1.1", end: "10.1.1.9"))
        #expect(strange.reservations == [DHCPReservation(mac: "52:54:00:ab:cd:ef", address: "10.1.0.5")])
        let empty = try NetworkXML.network("<network/>", isActive: false, isPersistent: true, autostart: false)
        #expect(empty.dhcp == nil && empty.reservations.isEmpty && empty.uuid == nil && empty.mode == "isolated")
    }

    private static let first = DHCPReservation(mac: "52:54:00:00:00:01", address: "10.0.0.1", hostname: "a")
    private static let second = DHCPReservation(mac: "52:54:00:00:00:02", address: "10.0.0.2")

    @Test func reservationsAreAddedChangedAndFreed() throws {
        let known = [Self.first, Self.second]
        #expect(try ReservationUpdate.reserve(Self.first, among: known, in: .running) == nil)
        let third = DHCPReservation(mac: "52:54:00:00:00:03", address: "10.0.0.3")
        let add = try ReservationUpdate.reserve(third, among: known, in: .running)
        #expect(add == ReservationUpdate(command: .add(third), place: .running, undo: .delete(third)))
        let moved = DHCPReservation(mac: "52:54:00:00:00:01", address: "10.0.0.9", hostname: "a")
        let modify = try ReservationUpdate.reserve(moved, among: known, in: .definition)
        #expect(modify == ReservationUpdate(command: .modify(moved), place: .definition, undo: .modify(Self.first)))
        let taken = DHCPReservation(mac: "52:54:00:00:00:03", address: "10.0.0.2")
        #expect { try ReservationUpdate.reserve(taken, among: known, in: .running) } throws: {
            ($0 as? HypervisorError)?.code == .alreadyExists
        }
        let free = ReservationUpdate.release("52:54:00:00:00:02", among: known, in: .running)
        #expect(free == ReservationUpdate(command: .delete(Self.second), place: .running, undo: .add(Self.second)))
        #expect(ReservationUpdate.release("52:54:00:00:00:09", among: known, in: .running) == nil)
    }
}
