/// Formats that are recognised in order to refuse them.
struct ForeignFormat: Sendable {
    let name: String
    /// Refused even if stated as raw: tools that probe (libvirt's storage driver does) would follow file names in it, or ask for a key.
    let isDangerousAsRaw: Bool
    /// What to do instead.
    let hint: String
    private let signatures: [(offset: Int, bytes: [UInt8])]

    /// Bytes from the start that `detect` looks at.
    static let headBytes = 512
    /// Bytes from the end that `detectTrailer` looks at.
    static let trailerBytes = 512

    static let qcowMagic: [UInt8] = [0x51, 0x46, 0x49, 0xfb]

    static func detect(_ head: HeaderBytes) -> ForeignFormat? { heads.first { $0.matches(head) } }

    static func detectTrailer(_ tail: HeaderBytes) -> ForeignFormat? { trailers.first { $0.matches(tail) } }

    private init(
        _ name: String, _ signatures: [(Int, [UInt8])], dangerous: Bool = false, hint: String = "convert it to qcow2 or raw first"
    ) {
        self.name = name
        self.signatures = signatures
        isDangerousAsRaw = dangerous
        self.hint = hint
    }

    private init(_ name: String, _ texts: String..., dangerous: Bool = false, hint: String = "convert it to qcow2 or raw first") {
        self.init(name, texts.map { (0, Array($0.utf8)) }, dangerous: dangerous, hint: hint)
    }

    private func matches(_ bytes: HeaderBytes) -> Bool { signatures.contains { bytes.holds($0.bytes, at: $0.offset) } }

    // Compressed files are not among them: an initrd is one, and a kernel reads it as it is.
    private static let heads = [
        ForeignFormat("a VMDK image", "KDMV", "COWD", "# Disk DescriptorFile", dangerous: true),
        ForeignFormat("a QED image", "QED\0", dangerous: true),
        ForeignFormat("a COW image", "OOOM", dangerous: true),
        ForeignFormat("an encrypted LUKS volume", [(0, Array("LUKS".utf8) + [0xba, 0xbe])], dangerous: true, hint: "decrypt it first"),
        ForeignFormat("a VDI image", [(64, [0x7f, 0x10, 0xda, 0xbe])]),
        ForeignFormat("a VHD image", "conectix"),
        ForeignFormat("a VHDX image", "vhdxfile"),
        ForeignFormat("a Parallels image", "WithoutFreeSpace", "WithouFreSpacExt"),
        ForeignFormat("a Bochs image", "Bochs Virtual HD Image"),
        ForeignFormat("a cloop image", "#!/bin/sh\n#V2.0 Format\nmodprobe cloop"),
        ForeignFormat("a ZIP archive", "PK\u{3}\u{4}", hint: "unpack it first"),
        ForeignFormat("a 7z archive", [(0, [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c])], hint: "unpack it first"),
        ForeignFormat("a tar archive (an OVA is one)", [(257, Array("ustar".utf8))], hint: "unpack it first"),
    ]

    /// A fixed VHD is a raw disk with a footer; a DMG ends with its description.
    private static let trailers = [
        ForeignFormat("a VHD image", "conectix"),
        ForeignFormat("a DMG image", "koly"),
    ]
}
