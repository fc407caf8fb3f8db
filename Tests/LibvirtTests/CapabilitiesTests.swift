import Hypervisor
import Testing

@testable import Libvirt

/// What hosts say that they can do.
@Suite struct CapabilitiesTests {
    @Test func domainCapabilitiesAreRead() throws {
        let seen = try DomainCapabilities(xml: Golden.read("domain-capabilities-q35.xml"))
        #expect(seen.hasUEFI)
        #expect(seen.hasSecureBoot)
        #expect(seen.hasTPM)
        #expect(seen.hasCDROM)
        #expect(seen.diskBuses.isSuperset(of: ["virtio", "scsi", "sata", "usb"]))
        #expect(seen.cpuModes == ["max", "host-model"])
        #expect(seen.cpuModels.contains("qemu64"))
        #expect(seen.vcpusMax == 288)
    }

    @Test func whatIsNotSaidIsNotThere() throws {
        let empty = try DomainCapabilities(xml: "<domainCapabilities/>")
        #expect(!empty.hasUEFI && !empty.hasSecureBoot && !empty.hasTPM && !empty.hasCDROM)
        #expect(empty.vcpusMax == nil && empty.cpuModes.isEmpty && empty.cpuModels.isEmpty && empty.diskBuses.isEmpty)
        let bare = try DomainCapabilities(
            xml: """
                <domainCapabilities><vcpu max='many'/><os><enum name='firmware'><value>efi</value></enum><loader supported='no'/></os>
                <cpu><mode name='custom' supported='yes'><model usable='no'>a</model><model usable='unknown'>b</model></mode><mode/></cpu>
                <devices><tpm supported='yes'><enum name='backendModel'><value>passthrough</value></enum></tpm><disk supported='no'/></devices>
                </domainCapabilities>
                """)
        #expect(!bare.hasUEFI && !bare.hasTPM && bare.cpuModels.isEmpty && bare.vcpusMax == nil)
        let old =
            "<domainCapabilities><devices><tpm supported='yes'><enum name='backendModel'><value>emulator</value></enum>%</tpm></devices></domainCapabilities>"
        #expect(try DomainCapabilities(xml: old.replacing("%", with: "")).hasTPM)
        let first = "<enum name='backendVersion'><value>1.2</value></enum>"
        #expect(try !DomainCapabilities(xml: old.replacing("%", with: first)).hasTPM)
    }

    @Test func poolKindsAreRead() throws {
        let xml =
            "<storagepoolCapabilities><pool type='dir' supported='yes'/><pool type='rbd' supported='no'/><pool type='zfs' supported='yes'/></storagepoolCapabilities>"
        #expect(try CapabilitiesReading.poolTypes(xml) == ["dir", "zfs"])
    }

    @Test func theTestDriverTellsWhatItLacks() async throws {
        try await PrivateWorld.with { host in
            let seen = try await host.capabilities()
            #expect(seen.architecture == "i686")
            #expect(!seen.can(.agent) && !seen.can(.uefi) && !seen.can(.blockCopy) && !seen.can(.leases))
            #expect(
                seen.can(.statistics) && seen.can(.screenshot) && seen.can(.defineNetworks) && seen.can(.definePools) && seen.can(.rename))
            #expect(seen.lacking.values.allSatisfy { !$0.isEmpty })
            #expect(seen.poolTypes == ["dir"])
            #expect(seen.diskBuses == DiskSpec.Bus.allCases)
            #expect(try #require(seen.vcpusMax) >= 16)
        }
    }

    @Test func unknownDriversPromiseLittle() {
        let lacking = DriverFeatures.lacking("LXC")
        #expect(lacking[.blockCopy]?.contains("LXC") == true)
        #expect(lacking[.statistics] == nil)
        #expect(DriverFeatures.lacking("QEMU").isEmpty)
    }
}
