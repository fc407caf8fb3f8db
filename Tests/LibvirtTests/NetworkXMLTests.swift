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
        try Golden.check(NetworkXML.write(isolated), "write-network-isolated.xml")
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

    private static let foreign = """
        <network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'><name>web</name><uuid>66666666-0000-4000-8000-000000000001</uuid>
        <metadata><x:y xmlns:x='urn:x'>kept</x:y></metadata><forward mode='nat'><nat><port start='1024' end='65535'/></nat></forward>
        <bridge name='virbr9' stp='off' delay='3' zone='lab'/><mac address='52:54:00:99:99:99'/><mtu size='1400'/>
        <domain name='lab.example' localOnly='yes'/><dns><host ip='10.1.0.9'><hostname>nine</hostname></host></dns><!-- mine -->
        <ip address='10.1.0.1' netmask='255.255.255.0'><tftp root='/srv/tftp'/><dhcp>
          <range start='10.1.0.50' end='10.1.0.60'><lease expiry='1' unit='hours'/></range><range start='10.1.0.70' end='10.1.0.80'/>
          <host name='by-name' ip='10.1.0.4'/><host mac='52:54:00:AB:CD:EF' ip='10.1.0.5'><lease expiry='2'/></host>
          <host mac='52:54:00:ab:cd:00' ip='10.1.0.6'/><bootp file='pxe'/></dhcp></ip>
        <ip family='ipv6' address='fd00::1' prefix='64'/><route address='10.2.0.0' prefix='24' gateway='10.1.0.2'/>
        <portgroup name='p'/><dnsmasq:options><dnsmasq:option value='log-dhcp'/></dnsmasq:options></network>
        """

    private static func spec(of xml: String) throws -> NetworkSpec {
        let seen = try NetworkXML.network(xml, isActive: false, isPersistent: true, autostart: false)
        return NetworkSpec(
            name: seen.name, uuid: try #require(seen.uuid), mode: try #require(NetworkSpec.Mode(rawValue: seen.mode)), bridge: seen.bridge,
            cidr: seen.cidr, dhcp: seen.dhcp, reservations: seen.reservations)
    }

    @Test func whatASpecDoesNotTellOfStays() throws {
        let spec = try Self.spec(of: Self.foreign)
        let same = try NetworkEditor.apply(spec, to: Self.foreign)
        #expect(try Self.spec(of: same) == spec)
        let strangers = [
            "urn:x", "port start=\"1024\"", "stp=\"off\" delay=\"3\" zone=\"lab\"", "52:54:00:99:99:99", "mtu", "localOnly", "nine", "mine",
            "tftp",
            "by-name", "bootp", "fd00::1", "route", "portgroup", "log-dhcp",
        ]
        for word in strangers + ["10.1.0.70", "expiry=\"2\"", "expiry=\"1\"", "255.255.255.0"] {
            #expect(same.contains(word), "\(word)")
        }

        var other = spec
        (other.mode, other.cidr, other.bridge) = (.isolated, "10.9.0.1/16", nil)
        other.dhcp = DHCPRange(start: "10.9.1.1", end: "10.9.1.9")
        other.reservations = [
            DHCPReservation(mac: "52:54:00:ab:cd:ef", address: "10.9.0.5", hostname: "e"),
            DHCPReservation(mac: "52:54:00:ab:cd:77", address: "10.9.0.7"),
        ]
        let changed = try NetworkEditor.apply(other, to: Self.foreign)
        var expected = other
        expected.bridge = "virbr9"
        #expect(try Self.spec(of: changed) == expected)
        for word in strangers.filter({ !$0.contains("port start") }) + ["expiry=\"2\"", "expiry=\"1\""] {
            #expect(changed.contains(word), "\(word)")
        }
        for word in ["10.1.0.70", "255.255.255.0", "52:54:00:ab:cd:00", "forward"] { #expect(!changed.contains(word), "\(word)") }

        (other.cidr, other.dhcp, other.reservations) = (spec.cidr, nil, [])
        let quiet = try NetworkEditor.apply(other, to: Self.foreign)
        #expect(try Self.spec(of: quiet).dhcp == nil)
        #expect(try Self.spec(of: quiet).reservations == [])
        #expect(quiet.contains("by-name") && quiet.contains("bootp"))
        other.cidr = nil
        let silent = try NetworkEditor.apply(other, to: Self.foreign)
        // The second address is another's.
        #expect(try Self.spec(of: silent).cidr == "fd00::1/64")
    }

    /// Whatever is made of whatever: what is read is what was written.
    @Test func everySpecComesOutAsItWentIn() throws {
        var bases = [Self.foreign]
        let addresses: [(String?, DHCPRange?, [DHCPReservation])] = [
            (nil, nil, []), ("10.3.0.1/24", nil, []), ("10.3.0.1/24", DHCPRange(start: "10.3.0.2", end: "10.3.0.9"), []),
            ("10.4.0.1/24", nil, [Self.first]), ("10.4.0.1/24", DHCPRange(start: "10.4.0.2", end: "10.4.0.9"), [Self.first, Self.second]),
        ]
        for mode in [NetworkSpec.Mode.nat, .isolated] {
            for (cidr, dhcp, reservations) in addresses {
                let spec = NetworkSpec(
                    name: "web", uuid: "66666666-0000-4000-8000-000000000001", mode: mode, bridge: "virbr9", cidr: cidr, dhcp: dhcp,
                    reservations: reservations)
                for base in bases {
                    let read = try Self.spec(of: NetworkEditor.apply(spec, to: base))
                    #expect(read == spec || spec.cidr == nil && base == Self.foreign)
                }
                bases.append(try NetworkXML.write(spec))
            }
        }
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
