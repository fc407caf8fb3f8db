internal import Hypervisor

/// What the adapter uses of virConnectGetDomainCapabilities: what one hypervisor offers machines of one kind.
struct DomainCapabilities: Sendable, Equatable {
    var hasUEFI = false
    var hasSecureBoot = false
    /// An emulated TPM 2.0.
    var hasTPM = false
    var hasCDROM = false
    var diskBuses: Set<String> = []
    /// In our words: `host-model`, `host-passthrough`, `max`.
    var cpuModes: [String] = []
    var cpuModels: [String] = []
    var vcpusMax: Int?

    init(xml: String) throws {
        self = try XMLDocument.read(xml) { DomainCapabilities($0) }
    }

    private init(_ root: XMLElement) {
        let os = root.child("os")
        let loader = os?.child("loader")
        hasUEFI = Self.values(os, "firmware").contains("efi") && Self.isSupported(loader)
        hasSecureBoot = hasUEFI && Self.values(loader, "secure").contains("yes")
        let devices = root.child("devices")
        let tpm = devices?.child("tpm")
        let versions = Self.values(tpm, "backendVersion")
        hasTPM = Self.isSupported(tpm) && Self.values(tpm, "backendModel").contains("emulator")
        // Older ones do not tell versions, and have both.
        if !versions.isEmpty { hasTPM = hasTPM && versions.contains("2.0") }
        let disk = devices?.child("disk")
        if Self.isSupported(disk) {
            hasCDROM = Self.values(disk, "diskDevice").contains("cdrom")
            diskBuses = Set(Self.values(disk, "bus"))
        }
        vcpusMax = root.child("vcpu")?.attribute("max").flatMap { Int($0) }
        for mode in root.child("cpu")?.children("mode") ?? [] where Self.isSupported(mode) {
            switch mode.attribute("name") {
            case "maximum": cpuModes.append("max")
            case "custom": cpuModels = mode.children("model").filter { $0.attribute("usable") == "yes" }.map(\.text.trimmed)
            case let name?: cpuModes.append(name)
            case nil: break
            }
        }
    }

    private static func isSupported(_ element: XMLElement?) -> Bool { element?.attribute("supported") == "yes" }

    private static func values(_ element: XMLElement?, _ name: String) -> [String] {
        let list = element?.children("enum").first { $0.attribute("name") == name }
        return list?.children("value").map(\.text.trimmed) ?? []
    }
}
