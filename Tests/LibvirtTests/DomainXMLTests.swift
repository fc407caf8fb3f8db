import Hypervisor
import Testing

@testable import Libvirt

@Suite struct DomainXMLTests {
    private static let qemu = DomainXMLWriter(driver: "QEMU", architecture: "x86_64")
    private static let test = DomainXMLWriter(driver: "TEST", architecture: "i686")

    @Test func writtenDefinitionsAreAsKept() throws {
        try Golden.check(Self.qemu.define(Specs.plain()), "write-plain-tcg.xml")
        try Golden.check(Self.qemu.define(Specs.full()), "write-full-kvm.xml")
        var native = Specs.full()
        native.accelerator = .native
        try Golden.check(Self.test.define(native), "write-full-test.xml")
        var custom = Specs.plain()
        custom.cpu = "Skylake-Client"
        custom.machineType = "pc-i440fx-7.2"
        try Golden.check(Self.qemu.define(custom), "write-custom-cpu.xml")
        try Golden.check(Self.qemu.define(Specs.everyDevice()), "write-every-device.xml")
        try Golden.check(Self.qemu.probe(name: "gantry-work-probe", accelerator: .kvm), "write-probe-kvm.xml")
        try Golden.check(
            StorageXML.write(
                VolumeSpec(
                    reference: VolumeReference(pool: "p", volume: "v.qcow2"), format: "qcow2", capacityBytes: nil,
                    backing: .init(path: "base.qcow2", format: "qcow2"))), "write-volume-overlay.xml")
        try Golden.check(
            StorageXML.write(
                VolumeSpec(reference: VolumeReference(pool: "p", volume: "v.raw"), format: "raw", capacityBytes: 1 << 30)),
            "write-volume-raw.xml")
    }

    /// Definitions as real hosts print them. What was read is kept beside each.
    @Test(arguments: Golden.names(prefix: "read-domain-").filter { $0.hasSuffix(".xml") })
    func foreignDefinitionsAreRead(_ name: String) throws {
        let description = try DomainDescription(xml: Golden.read(name))
        var text = ""
        dump(description, to: &text)
        try Golden.check(text, name.replacing(".xml", with: ".txt"))
    }

    /// Before and after a start of the same machine.
    @Test(arguments: ["<driver name='qemu' type='raw'/>", "<driver name='qemu'/>", ""]) func anEmptyDriveHasNoFormat(
        _ driver: String
    ) throws {
        let xml = """
            <domain type='qemu'><name>a</name><uuid>11111111-0000-4000-8000-000000000001</uuid><devices><disk type='file' device='cdrom'>
            \(driver)<target dev='sda' bus='sata'/><readonly/></disk></devices></domain>
            """
        let disk = try #require(try DomainDescription(xml: xml).hardware.disks.first)
        #expect(disk.target == "sda" && disk.format == nil && disk.path == nil)
    }

    @Test func writtenDefinitionReadsBack() throws {
        let spec = Specs.full()
        try Self.expectSame(spec, DomainDescription(xml: Self.qemu.define(spec)))
    }

    @Test func writtenHardwareReadsBack() throws {
        let spec = Specs.everyDevice()
        let read = try DomainDescription(xml: Self.qemu.define(spec))
        try Self.expectSame(spec, read)
        #expect(read.hardware.firmware == spec.firmware)
        #expect(read.hardware.hasTPM)
        #expect(read.hardware.disks.map(\.device) == spec.disks.map(\.device.rawValue))
        #expect(read.hardware.disks.map(\.bus) == spec.disks.map(\.bus.rawValue))
        #expect(read.hardware.disks.map(\.cache) == spec.disks.map { $0.cache?.rawValue })
        #expect(read.hardware.nics.map(\.isLinkUp) == spec.nics.map(\.isLinkUp))
        var plain = spec
        plain.firmware = .uefi(secureBoot: false, nvramPath: nil)
        let xml = try Self.qemu.define(plain)
        #expect(try DomainDescription(xml: xml).hardware.firmware == plain.firmware)
        #expect(!xml.contains("smm"))
    }

    @Test(arguments: 0..<200) func hostileTextsReadBack(_ seed: Int) throws {
        var random = SeededRandom(seed: UInt64(seed))
        func text() -> String { Self.hostile(&random) }
        var spec = Specs.full()
        spec.name = text()
        spec.description = text()
        spec.cpu = "x" + text()
        spec.machineType = "pc" + text()
        spec.boot = DirectBoot(kernelPath: "/" + text(), initrdPath: "/" + text(), cmdline: text())
        spec.consoleLogPath = "/" + text()
        spec.disks = (0..<3).map { index in
            DiskSpec(
                target: "vd\(index)" + text(),
                source: .init(path: "/" + text(), format: text(), backing: [.init(path: "/" + text(), format: text())]),
                serial: "s" + text())
        }
        spec.nics = [NICSpec(mac: "52:54:00:00:00:01", network: text(), model: text())]
        spec.metadata.labels = [text(): text(), "b": text()]
        spec.metadata.installation = text()
        spec.metadata.job = text()
        spec.metadata.ownedVolumes = [VolumeReference(pool: text(), volume: text())]
        try Self.expectSame(spec, DomainDescription(xml: Self.qemu.define(spec)))
    }

    @Test(arguments: ["\u{0}", "\u{1}", "\u{8}", "\u{b}", "\u{1f}", "\u{fffe}", "\u{ffff}"])
    func controlCharactersAreRefused(_ character: String) {
        var spec = Specs.plain()
        spec.metadata.labels["a"] = "b\(character)"
        #expect { try Self.qemu.define(spec) } throws: { ($0 as? HypervisorError)?.code == .invalidArgument }
    }

    @Test func strangeDefinitionsGetDefaults() throws {
        #expect(try DomainDescription(xml: "<domain/>").hardware.vcpus == 1)
        let strange = """
            <domain type='bhyve'><memory unit='furlong'>99999999999999999999</memory><vcpu current='many'>-3</vcpu><uuid>no</uuid>
            <devices><disk/><disk><target/></disk><interface/><serial/><channel/></devices><cpu/><os/><metadata/></domain>
            """
        let read = try DomainDescription(xml: strange)
        #expect(read.id == nil)
        #expect(read.hardware.disks.count == 2)
        #expect(read.hardware.accelerator == .native)
        let huge = try DomainDescription(xml: "<domain><memory unit='EiB'>9223372036854775807</memory></domain>")
        #expect(huge.hardware.memoryMaxBytes == .max)
    }

    @Test func dangerousDocumentsAreRefused() throws {
        let external = "<!DOCTYPE d [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><domain><name>&x;</name></domain>"
        let laughs = "<!DOCTYPE d [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]><domain><name>&b;</name></domain>"
        let deep = String(repeating: "<a>", count: 100_000)
        let large = "<domain>" + String(repeating: "x", count: XMLDocument.maximumBytes) + "</domain>"
        for text in [external, laughs, deep, large, "", "<", "<domain>", "not XML"] {
            #expect(throws: HypervisorError.self) { try DomainDescription(xml: text) }
        }
    }

    @Test func masksAndUnits() throws {
        #expect(NetworkXML.prefixLength("255.255.255.0") == 24)
        #expect(NetworkXML.prefixLength("0.0.0.0") == 0)
        #expect(NetworkXML.prefixLength("255.255.255.255") == 32)
        #expect(NetworkXML.prefixLength("255.0.255.0") == nil)
        #expect(NetworkXML.prefixLength("1.2.3") == nil)
        #expect(ByteUnits.factor("KiB") == 1024)
        #expect(ByteUnits.factor("KB") == 1000)
        #expect(ByteUnits.factor("bytes") == 1)
    }

    @Test func statesHaveWords() {
        #expect(DomainState(state: 1, reason: 1, hasManagedSave: false).reason == "booted")
        #expect(DomainState(state: 3, reason: 1, hasManagedSave: false).state == .paused)
        #expect(DomainState(state: 3, reason: 2, hasManagedSave: false).state == .migrating)
        #expect(DomainState(state: 5, reason: 5, hasManagedSave: true).state == .saved)
        #expect(DomainState(state: 5, reason: 3, hasManagedSave: false).state == .crashed)
        #expect(DomainState(state: 99, reason: -1, hasManagedSave: false).state == .unknown)
        #expect(DomainState(state: 1, reason: 99, hasManagedSave: false).reason == "unknown")
    }

    private static func expectSame(_ spec: MachineSpec, _ read: DomainDescription) throws {
        #expect(read.id == spec.id)
        #expect(read.name == spec.name)
        #expect(read.description == spec.description)
        #expect(read.metadata == spec.metadata)
        let hardware = read.hardware
        #expect(hardware.accelerator == spec.accelerator)
        #expect(hardware.vcpus == spec.vcpus)
        #expect(hardware.vcpusMax == spec.vcpusMax)
        #expect(hardware.memoryBytes == spec.memoryBytes)
        #expect(hardware.memoryMaxBytes == spec.memoryMaxBytes)
        #expect(hardware.boot == spec.boot)
        #expect(hardware.consoleLogPath == spec.consoleLogPath)
        #expect(hardware.disks.map(\.target) == spec.disks.map(\.target))
        #expect(hardware.disks.map(\.path) == spec.disks.map { $0.source?.path })
        #expect(hardware.disks.map(\.format) == spec.disks.map { $0.source?.format })
        #expect(hardware.disks.map(\.serial) == spec.disks.map(\.serial))
        #expect(hardware.disks.map(\.bootOrder) == spec.disks.map(\.bootOrder))
        #expect(hardware.disks.map(\.isReadOnly) == spec.disks.map(\.isReadOnly))
        #expect(hardware.disks.map(\.backingPaths) == spec.disks.map { $0.source?.backing.map(\.path) ?? [] })
        #expect(hardware.nics.map(\.mac) == spec.nics.map(\.mac))
        #expect(hardware.nics.map(\.network) == spec.nics.map(\.network))
        #expect(hardware.nics.map(\.model) == spec.nics.map(\.model))
    }

    /// Text out of what XML, attributes and parsers stumble over, never with white space at the ends.
    private static func hostile(_ random: inout SeededRandom) -> String {
        let pieces = [
            "<", ">", "&", "'", "\"", "]]>", "<![CDATA[", "<!--", "-->", "&amp;", "&#0;", "%s", "\n", "\t", "\r", "\r\n", " ", "é", "🦆",
            "\u{85}", "\u{2028}", "\u{7f}", "</name>", "/>", "<?xml?>", "a", "$(x)", "\\", "e\u{301}", "\u{10ffff}", "xmlns:a='b'",
        ]
        var text = "("
        for _ in 0..<Int.random(in: 0...12, using: &random) { text += pieces.randomElement(using: &random) ?? "" }
        return text + ")"
    }
}

/// SplitMix64: the same texts in every run.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
