import Hypervisor
import Testing

@testable import Libvirt

@Suite struct NextBootTests {
    private static func compare(
        running: String, defined: String
    ) throws -> (running: MachineHardware, defined: MachineHardware) {
        try NextBoot.compare(running: DomainDescription(xml: running), defined: DomainDescription(xml: defined))
    }

    private static func marked(_ cpu: String) -> String {
        "<metadata><gantryrun:run xmlns:gantryrun='urn:gantry:run:1' startedAt='1' cpu='\(cpu)'/></metadata>"
    }

    @Test func theProcessorIsTheOneTheGuestWasStartedWith() throws {
        let expanded = "<cpu mode='custom'><model>Skylake</model></cpu>"
        let model = "<domain><cpu mode='host-model'/></domain>"
        let unmarked = try Self.compare(running: "<domain>\(expanded)</domain>", defined: model)
        #expect(unmarked.running.cpu == "host-model")
        #expect(unmarked.running == unmarked.defined)
        let marked = try Self.compare(running: "<domain>\(Self.marked("host-model"))\(expanded)</domain>", defined: model)
        #expect(marked.running == marked.defined)
        let edited = try Self.compare(running: "<domain>\(Self.marked("Skylake"))\(expanded)</domain>", defined: model)
        #expect(edited.running.cpu == "Skylake")
        #expect(edited.defined.cpu == "host-model")
        let other = try Self.compare(running: "<domain>\(expanded)</domain>", defined: "<domain><cpu><model>EPYC</model></cpu></domain>")
        #expect(other.running.cpu == "Skylake")
        #expect(other.defined.cpu == "EPYC")
    }

    @Test func whatTheHostChoosesIsNoDifference() throws {
        let running = """
            <domain><os><loader type='pflash' secure='yes'>/usr/c.fd</loader><nvram>/var/n.fd</nvram></os></domain>
            """
        let open = try Self.compare(running: running, defined: "<domain><os firmware='efi'/></domain>")
        #expect(open.running.firmware == .uefi(secureBoot: true, nvramPath: "/var/n.fd"))
        #expect(open.running == open.defined)
        let stated = """
            <domain><os firmware='efi'><firmware><feature name='secure-boot' enabled='no'/></firmware></os></domain>
            """
        let changed = try Self.compare(running: running, defined: stated)
        #expect(changed.defined.firmware == .uefi(secureBoot: false, nvramPath: "/var/n.fd"))
        #expect(try Self.compare(running: running, defined: "<domain/>").defined.firmware == .bios)
    }

    @Test func devicesStandInOneOrder() throws {
        func domain(_ targets: [String]) -> String {
            let disks = targets.map { "<disk><target dev='\($0)'/></disk><interface><mac address='\($0)'/></interface>" }
            return "<domain><devices>\(disks.joined())</devices></domain>"
        }
        let same = try Self.compare(running: domain(["b", "a", "c"]), defined: domain(["a", "b", "c"]))
        #expect(same.running == same.defined)
        let added = try Self.compare(running: domain(["b", "a"]), defined: domain(["x", "a", "b", "w"]))
        #expect(added.defined.disks.map(\.target) == ["b", "a", "x", "w"])
        #expect(added.defined.nics.map(\.mac) == ["b", "a", "x", "w"])
        let twice = try Self.compare(running: domain(["a", "a"]), defined: domain(["a", "a", "a"]))
        #expect(twice.defined.disks.count == 3)
    }
}
