import Hypervisor
import Testing

@testable import Libvirt

@Suite struct DomainEditorTests {
    static let writer = DomainXMLWriter(driver: "QEMU", architecture: "x86_64")

    /// One of each, and what is special about some.
    static let edits: [(name: String, edit: MachineEdit)] = [
        ("a disk", .addDisk(DiskSpec(target: "vdc", source: source("/pool/c.qcow2", "/pool/b.raw"), cache: .directsync, serial: "c&d"))),
        ("a disk to boot from", .addDisk(DiskSpec(target: "vdc", source: source("/dev/vg/c"), bootOrder: 2))),
        ("a disk on a bus that is not there", .addDisk(DiskSpec(target: "sdc", bus: .scsi, source: source("/pool/c")))),
        ("a disk on USB", .addDisk(DiskSpec(target: "sdc", bus: .usb, source: source("/pool/c")))),
        ("an empty drive", .addDisk(DiskSpec(target: "sdc", device: .cdrom, bus: .sata, source: nil))),
        ("a disk away", .removeDisk(target: "vda")),
        ("another file", .setSource(target: "vda", source("/pool/n.raw"))),
        ("a block device", .setSource(target: "vda", source("/dev/vg/n", "/pool/b.qcow2"))),
        ("a file instead of a network's image", .setSource(target: "vdb", source("/pool/n.raw"))),
        ("another medium", .setSource(target: "sda", source("/pool/new.iso"))),
        ("no medium", .setSource(target: "sda", nil)),
        ("a first medium", .setSource(target: "sdb", source("/pool/new.iso"))),
        ("options", .setDiskOptions(target: "vda", cache: .unsafe, serial: "second", bootOrder: 3)),
        ("no options", .setDiskOptions(target: "vda", cache: nil, serial: nil, bootOrder: nil)),
        ("first options", .setDiskOptions(target: "vdb", cache: .writeback, serial: "<b>", bootOrder: 1)),
        ("a card", .addNIC(NICSpec(mac: "52:54:00:00:00:01", network: "lan", model: "virtio", isLinkUp: false))),
        ("a card away", .removeNIC(mac: "52:54:00:aa:bb:cc")),
        ("another network", .setNIC(mac: "52:54:00:aa:bb:cc", network: "lan", isLinkUp: nil)),
        ("a network instead of a bridge", .setNIC(mac: "52:54:00:aa:bb:dd", network: "lan", isLinkUp: false)),
        ("cable out", .setNIC(mac: "52:54:00:aa:bb:cc", network: nil, isLinkUp: false)),
        ("more processors", .setVCPUs(3)),
        ("all processors", .setVCPUs(4)),
        ("a higher ceiling of processors", .setVCPUsMax(6)),
        ("a lower ceiling of processors", .setVCPUsMax(1)),
        ("less memory", .setMemory(512 << 20)),
        ("a higher ceiling of memory", .setMemoryMax(4 << 30)),
        ("a lower ceiling of memory", .setMemoryMax(512 << 20)),
        ("the default processor", .setCPU(nil)),
        ("the host's processor", .setCPU("host-passthrough")),
        ("a model like the host's", .setCPU("host-model")),
        ("all there is", .setCPU("max")),
        ("a named model", .setCPU("EPYC & Co")),
        ("a machine type", .setMachineType("pc-q35-8.0")),
        ("no hardware virtualisation", .setAccelerator(.tcg)),
        ("another kernel", .setBoot(DirectBoot(kernelPath: "/boot/k", initrdPath: "/boot/i", cmdline: "a=\"b\" <c>"))),
        ("no kernel", .setBoot(nil)),
    ]

    static func source(_ path: String, _ backing: String...) -> DiskSpec.Source {
        func format(_ path: String) -> String { path.hasSuffix(".qcow2") ? "qcow2" : "raw" }
        return DiskSpec.Source(path: path, format: format(path), backing: backing.map { .init(path: $0, format: format($0)) })
    }

    /// The kept file shows for each edit all that it changes; whatever is not in it stayed.
    @Test func editsChangeWhatTheyAreAbout() throws {
        let base = try Golden.read("edit-base.xml")
        let untouched = try DomainEditor.apply([], to: base, Self.writer)
        var text = ""
        for (name, edit) in Self.edits {
            let edited = try DomainEditor.apply([edit], to: base, Self.writer)
            text += "\(name)\n\(XMLTokens.difference(untouched, edited))\n"
        }
        try Golden.check(text, "edits.txt")
    }

    /// Elements, comments and instructions of others at any place survive any edit, where they were.
    @Test(arguments: 0..<20) func foreignElementsSurvive(_ seed: Int) throws {
        var random = SeededRandom(seed: UInt64(seed))
        let base = try Golden.read("edit-base.xml")
        let crowded = Self.crowd(base, &random)
        #expect(Self.foreign(crowded).count > 10)
        for (name, edit) in Self.edits {
            let plain = try XMLTokens.split(DomainEditor.apply([edit], to: base, Self.writer))
            let edited = try DomainEditor.apply([edit], to: crowded, Self.writer)
            let isKept = Self.foreign(edited) == Self.foreign(crowded)
            #expect(isKept, "\(name)")
            let isOtherwiseSame = XMLTokens.split(edited).filter { !$0.contains("foreign") } == plain
            #expect(isOtherwiseSame, "\(name)")
        }
    }

    @Test func severalEditsAreOne() throws {
        let base = try Golden.read("edit-base.xml")
        let disk = DiskSpec(target: "vdc", source: Self.source("/pool/c.qcow2"))
        let edited = try DomainEditor.apply(
            [.addDisk(disk), .setDiskOptions(target: "vdc", cache: .unsafe, serial: nil, bootOrder: nil), .setVCPUs(4)], to: base,
            Self.writer)
        let hardware = try DomainDescription(xml: edited).hardware
        #expect(hardware.disks.first { $0.target == "vdc" }?.cache == "unsafe")
        #expect(hardware.vcpus == 4)
        #expect(throws: HypervisorError.self) {
            try DomainEditor.apply([.addDisk(disk), .removeDisk(target: "vdz")], to: base, Self.writer)
        }
    }

    /// Written as given, so that an edit may be made again.
    @Test func editsMayBeRepeated() throws {
        let base = try Golden.read("edit-base.xml")
        for (name, edit) in Self.edits {
            let once = try DomainEditor.apply([edit], to: base, Self.writer)
            switch edit {
            case .addDisk, .removeDisk, .addNIC, .removeNIC:
                #expect(throws: HypervisorError.self, "\(name)") { try DomainEditor.apply([edit], to: once, Self.writer) }
            default:
                let twice = try DomainEditor.apply([edit], to: once, Self.writer)
                #expect(XMLTokens.split(twice).sorted() == XMLTokens.split(once).sorted(), "\(name)")
            }
        }
    }

    @Test(arguments: [
        MachineEdit.addDisk(DiskSpec(target: "vda", source: nil)), .removeDisk(target: "vdz"), .setSource(target: "vdz", nil),
        .setSource(target: "vda", nil), .setDiskOptions(target: "", cache: nil, serial: nil, bootOrder: nil),
        .addNIC(NICSpec(mac: "52:54:00:aa:bb:cc", network: "n", model: "virtio")), .removeNIC(mac: "52:54:00:00:00:00"),
        .setVCPUs(5), .setMemory(4 << 30), .setNIC(mac: "", network: "x", isLinkUp: nil), .setMachineType("q\u{1}"), .setCPU("\u{2}"),
        .setNIC(mac: "52:54:00:aa:bb:cc", network: "\u{3}", isLinkUp: nil),
        .setDiskOptions(target: "vda", cache: nil, serial: "\u{0}", bootOrder: nil),
    ])
    func editsThatDoNotFitAreRefused(_ edit: MachineEdit) throws {
        let base = try Golden.read("edit-base.xml")
        #expect { try DomainEditor.apply([edit], to: base, Self.writer) } throws: {
            ($0 as? HypervisorError)?.code == .invalidArgument
        }
    }

    @Test func barestDefinitionsCanBeEdited() throws {
        for (name, edit) in Self.edits {
            guard let edited = try? DomainEditor.apply([edit], to: "<domain type='test'/>", Self.writer) else { continue }
            #expect(throws: Never.self, "\(name)") { try DomainDescription(xml: edited) }
        }
        let grown = try DomainEditor.apply([.setMemory(1 << 20), .setMemoryMax(1 << 30)], to: "<domain/>", Self.writer)
        #expect(try DomainDescription(xml: grown).hardware.memoryBytes == 1 << 20)
    }

    private static func foreign(_ xml: String) -> [String] { XMLTokens.split(xml).filter { $0.contains("foreign") } }

    /// Puts what no one knows between the elements of the domain and of its devices.
    private static func crowd(_ xml: String, _ random: inout SeededRandom) -> String {
        var number = 0
        func piece() -> String {
            number += 1
            switch Int.random(in: 0..<5, using: &random) {
            case 0: return "<foreign\(number) a=\"&lt;&amp;&#10;\">foreign &amp; text</foreign\(number)>"
            case 1: return "<f:foreign\(number) xmlns:f=\"urn:f\" f:foreign=\"é\"/>"
            case 2: return "<!-- foreign \(number) <disk> -->"
            case 3: return "<?foreign \(number)?>"
            default: return "<foreign\(number) xmlns=\"urn:g\"><disk foreign=\"1\" dev=\"vda\"/></foreign\(number)>"
            }
        }
        var crowded = ""
        for line in xml.split(separator: "\n", omittingEmptySubsequences: false) {
            crowded += line + "\n"
            // Lines that end an element of the domain, or of its devices, or begin the devices.
            let depth = line.prefix { $0 == " " }.count
            let isEnd = line.hasSuffix("/>") || line.contains("</") || line.hasSuffix("<devices>")
            let isInDevices = crowded.contains("<devices>") && !crowded.contains("</devices>")
            if isEnd, depth == 2 || depth == 4 && isInDevices, Bool.random(using: &random) { crowded += piece() + "\n" }
        }
        return crowded
    }
}
